import { readFile } from "node:fs/promises";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    {
      // The bundles carry their style sheets as text; tests see the same.
      name: "inline-css",
      enforce: "pre",
      async load(id) {
        if (!id.endsWith(".css")) return undefined;
        return `export default ${JSON.stringify(await readFile(id, "utf8"))};`;
      },
    },
  ],
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
    restoreMocks: true,
    testTimeout: 30_000,
  },
});
