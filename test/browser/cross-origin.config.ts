// Bundles the page of the cross-origin test like an application that has the SDK from npm.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  publicDir: false,
  build: {
    emptyOutDir: true,
    target: 'es2024',
    lib: { entry: fileURLToPath(new URL('cross-origin-page.ts', import.meta.url)), formats: ['es'], fileName: () => 'page.js' },
  },
});
