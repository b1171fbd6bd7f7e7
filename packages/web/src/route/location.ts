// The current page, and navigation without a page load. The query (?debug, ?quality=low) stays from
// page to page.
import { useSyncExternalStore } from 'react';
import { pathWithin, siteRoot } from './root.ts';
import { type Route, routeOf } from './route.ts';

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('popstate', listener);
  };
}

/** The page in the address bar; the component renders again when it changes. */
export function useRoute(): Route {
  const path = useSyncExternalStore(subscribe, () => location.pathname);
  return path === missingPath() ? { page: 'missing' } : routeOf(pathWithin(siteRoot().pathname, path));
}

/** Navigates to `path` on this site. */
export function navigate(path: string): void {
  history.pushState(null, '', hrefOf(path));
  scrollTo(0, 0);
  for (const listener of listeners) listener();
}

/** `path` of these pages as a link, with the current page's query. */
export function hrefOf(path: string): string {
  return siteRoot().pathname.slice(0, -1) + path + location.search;
}

let loadedPath: string | undefined;

/**
 * The loaded path, if the server has no such page. These pages may know a page that this server
 * lacks.
 */
function missingPath(): string | undefined {
  loadedPath ??= location.pathname;
  const isMissing = document.querySelector('meta[name="hayate-page"]')?.getAttribute('content') === 'missing';
  return isMissing ? loadedPath : undefined;
}

/** Whether the query has `name`, with or without a value. */
export function hasFlag(name: string): boolean {
  return new URLSearchParams(location.search).has(name);
}

/** The value of `name` in the query. */
export function flagValue(name: string): string | null {
  return new URLSearchParams(location.search).get(name);
}
