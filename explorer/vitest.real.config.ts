import { defineConfig } from 'vitest/config';

/** The page as query-api serves it, with what a real pipeline holds: scripts/with-stack target/debug scripts/test-explorer */
export default defineConfig({
  test: {
    include: ['tests/real/**/*.test.ts'],
    environment: 'node',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
