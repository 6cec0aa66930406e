import js from '@eslint/js';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['dist', 'reference', 'screenshots', 'node_modules'] },
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // Event content is text, always. These are the doors through which it could become more.
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'event content is only ever text' },
        { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]", message: 'event content is only ever text' },
      ],
      'no-restricted-globals': ['error', 'eval', 'Function'],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Reading a signal subscribes to it, so `void signal.value` has a meaning here.
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-invalid-void-type': ['error', { allowAsThisParameter: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
    },
  },
  // The tests look at the page from outside.
  { files: ['tests/**'], rules: { 'no-restricted-syntax': 'off', 'no-control-regex': 'off' } },
  { files: ['scripts/**', 'eslint.config.js'], ...ts.configs.disableTypeChecked, languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' }, parserOptions: { projectService: false, program: null, project: false } }, rules: { ...ts.configs.disableTypeChecked.rules, 'no-console': 'off' } },
);
