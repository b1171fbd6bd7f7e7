// The credentials that a link passes to these pages after its `#`, which browsers never send to a
// server:
//   #token=JWT   from an embedding application: its visitor's token, used for all requests;
//   #pair=CODE   printed by `hayate serve --lan`: development mode asks other devices for it.
// A credential is taken once. It is kept for this tab (sessionStorage) and removed from the address
// bar at once, so it appears in no bookmark, screenshot or shared link.

import { siteRoot } from '../route/root.ts';

/** The credentials that a fragment may carry. */
interface Credential {
  token?: string;
  pair?: string;
}

const names = ['token', 'pair'] as const;

/** Splits `fragment` (with or without `#`) into its credentials and the rest. */
export function splitFragment(fragment: string): { credential: Credential; rest: string } {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  const credential: Credential = {};
  for (const name of names) {
    const value = parameters.get(name);
    if (value === null) continue;
    parameters.delete(name);
    if (value !== '') credential[name] = value;
  }
  const isOnlyCredential = [...parameters].length === 0;
  return { credential, rest: isOnlyCredential ? '' : `#${parameters}` };
}

/**
 * Takes the credentials from the address bar, if there are any. Call it before other code reads the
 * address.
 */
export function takeCredential(): void {
  if (!names.some((name) => location.hash.includes(`${name}=`))) return;
  const { credential, rest } = splitFragment(location.hash);
  history.replaceState(history.state, '', location.pathname + location.search + rest);
  for (const name of names) {
    const value = credential[name];
    if (value !== undefined) sessionStorage.setItem(keyOf(name), value);
  }
}

/** The credentials of this tab. */
export function credential(): Credential {
  const kept: Credential = {};
  for (const name of names) {
    const value = sessionStorage.getItem(keyOf(name));
    if (value !== null) kept[name] = value;
  }
  return kept;
}

/**
 * Another server may have pages at another path of the same origin, so each path has credentials of
 * its own.
 */
function keyOf(name: keyof Credential): string {
  return `hayate.${name}${siteRoot().pathname}`;
}
