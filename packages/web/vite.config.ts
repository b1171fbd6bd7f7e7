// In: index.html and src/. Out: dist/, which the server serves as it is, under a policy that allows
// scripts and styles of its own address alone. With --mode demo the output is demo/, which also has
// the page of `npm run demo:scale`. Names carry hashes, so everything under assets/ may
// be cached forever.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { precompress } from './precompress.ts';

export default defineConfig(({ mode }) => ({
  // Relative, so that one build serves below any prefix.
  base: './',
  plugins: [react(), precompress()],
  define: { DEMO_PAGES: mode === 'demo' },
  build: {
    outDir: mode === 'demo' ? 'dist/demo' : 'dist/product',
    emptyOutDir: true,
    sourcemap: false,
    // As in tsconfig.json: worklets are the text of functions, so nothing may be lowered to code
    // outside of them.
    target: 'es2024',
    // three.js is one chunk, fetched once for all pages.
    chunkSizeWarningLimit: 900,
  },
}));
