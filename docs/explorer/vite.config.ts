import { defineConfig } from "vite";

// Addresses are relative: the page opens from any folder of any static server. Weights stay files of their own.
export default defineConfig({
  base: "./",
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1500 },
  worker: { format: "es" },
});
