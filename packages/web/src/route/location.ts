// Where the visitor is, and going elsewhere without loading the page again. What the query says (?debug, ?quality=low) stays
// with the visitor from page to page.
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

/** The page of the address bar; the component is drawn anew when it changes. */
export function useRoute(): Route {
  const path = useSyncExternalStore(subscribe, () => location.pathname);
  return path === missingPath() ? { page: 'missing' } : routeOf(pathWithin(siteRoot().pathname, path));
}

/** Goes to `path` on this site. */
export function navigate(path: string): void {
  history.pushState(null, '', hrefOf(path));
  scrollTo(0, 0);
  for (const listener of listeners) listener();
}

/** `path` of these pages as a link, with the query of the page that is shown. */
export function hrefOf(path: string): string {
  return siteRoot().pathname.slice(0, -1) + path + location.search;
}

let loadedPath: string | undefined;

/** The path that was loaded, if the server has no such page, though another server of these pages may. */
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
