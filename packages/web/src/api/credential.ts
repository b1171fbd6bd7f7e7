// What a link hands to these pages after its `#`, which browsers send to no server:
//   #token=JWT   an application that embeds Hayate gives its visitor's token; it is then used for everything;
//   #pair=CODE   `hayate serve --lan` prints it; development mode wants it from devices other than its own.
// Taken once: kept for this tab (sessionStorage), and removed from the address bar at once, so that it is in no
// bookmark, screenshot or shared link.

import { siteRoot } from '../route/root.ts';

/** What a fragment may carry. */
export interface Credential {
  token?: string;
  pair?: string;
}

const names = ['token', 'pair'] as const;

/** The credentials in `fragment` (with or without `#`), and what remains of it. */
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

/** Takes what the address bar carries, if it carries anything. Call it before anything else looks at the address. */
export function takeCredential(): void {
  if (!names.some((name) => location.hash.includes(`${name}=`))) return;
  const { credential, rest } = splitFragment(location.hash);
  history.replaceState(history.state, '', location.pathname + location.search + rest);
  for (const name of names) {
    const value = credential[name];
    if (value !== undefined) sessionStorage.setItem(keyOf(name), value);
  }
}

/** What this tab was given. */
export function credential(): Credential {
  const kept: Credential = {};
  for (const name of names) {
    const value = sessionStorage.getItem(keyOf(name));
    if (value !== null) kept[name] = value;
  }
  return kept;
}

/** Another server may have pages at another path of the same origin: what was given for one is not for the other. */
function keyOf(name: keyof Credential): string {
  return `hayate.${name}${siteRoot().pathname}`;
}
