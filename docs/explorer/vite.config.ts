import { defineConfig } from "vite";

// Addresses are relative: the page opens from any folder of any static server. Weights stay files of their own, copied from
// experiments/zoo; the server of `npm run dev` may read them there.
export default defineConfig({
  base: "./",
  assetsInclude: ["**/*.safetensors"],
  build: { target: "es2022", assetsInlineLimit: 0, chunkSizeWarningLimit: 1500 },
  server: { fs: { allow: ["../.."] } },
  worker: { format: "es" },
});
