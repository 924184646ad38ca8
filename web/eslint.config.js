import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["src/generated/**", "node_modules/**"] },
  ...tseslint.configs.recommended,
  { plugins: { "react-hooks": hooks }, rules: { "react-hooks/rules-of-hooks": "error", "react-hooks/exhaustive-deps": "warn" } },
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-restricted-imports": ["error", { patterns: [{ group: ["../*"] }] }],
    },
  },
  { files: ["bench/**", "scripts/**"], rules: { "no-restricted-imports": "off" } },
  {
    files: ["src/**/*.{ts,tsx}"],
    ignores: ["src/canvas/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["../*"] }, { group: ["@xyflow/*"], message: "Only src/canvas knows the graph library." }] },
      ],
    },
  },
);
