// Where the visitor is, and going elsewhere without loading the page anew. What the query says (?debug, ?quality=low) stays
// with the visitor from page to page.
import { useSyncExternalStore } from 'react';
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
  return routeOf(path);
}

/** Goes to `path` on this site. */
export function navigate(path: string): void {
  history.pushState(null, '', hrefOf(path));
  scrollTo(0, 0);
  for (const listener of listeners) listener();
}

/** `path` with the query of the page that is shown. */
export function hrefOf(path: string): string {
  return path + location.search;
}

/** Whether the query has `name`, with or without a value. */
export function hasFlag(name: string): boolean {
  return new URLSearchParams(location.search).has(name);
}

/** The value of `name` in the query. */
export function flagValue(name: string): string | null {
  return new URLSearchParams(location.search).get(name);
}
