// Vite turns an imported style sheet into a file in dist/assets. For TypeScript the import has no
// value.
declare module '*.css';
