import { defineConfig, type Plugin } from 'vite';
import { createMock } from './mock/server';
import { optionsFromEnvironment } from './mock/options';

/** Answers the API's routes from the mock, in `npm run dev` and in `vite preview`. */
function mockApi(): Plugin {
  return {
    name: 'flumen-mock-api',
    configureServer: (server) => void server.middlewares.use(createMock(optionsFromEnvironment()).middleware),
    configurePreviewServer: (server) => void server.middlewares.use(createMock(optionsFromEnvironment()).middleware),
  };
}

export default defineConfig(({ command, isPreview }) => ({
  // Relative addresses, so that a proxy may serve the page under a prefix.
  base: './',
  plugins: command === 'serve' || isPreview === true ? [mockApi()] : [],
  build: {
    target: 'es2022',
    // A data: URL in CSS would need a wider policy than the page has.
    assetsInlineLimit: 0,
    // The polyfill is an inline script, which the policy forbids, and every browser since 2023 can do without.
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
}));
