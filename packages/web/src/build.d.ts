// Constants that the build sets (vite.config.ts).

/** Whether the pages of the demonstrations are part of this build. */
declare const DEMO_PAGES: boolean;
