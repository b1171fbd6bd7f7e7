// Vite turns an imported style sheet into a file of dist/assets; for TypeScript the import has no value.
declare module '*.css';
