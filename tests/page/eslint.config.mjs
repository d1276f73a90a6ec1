import js from "@eslint/js";
import globals from "globals";

const long = { code: 120, ignoreStrings: true, ignoreTemplateLiterals: true };

export default [{
  ...js.configs.recommended,
  files: ["**/*.js"],
  languageOptions: { ecmaVersion: 2022, sourceType: "module", globals: globals.browser },
  rules: {
    ...js.configs.recommended.rules,
    "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
    "prefer-const": "error", "eqeqeq": "error", "no-var": "error", "max-len": ["error", long],
  },
}];
