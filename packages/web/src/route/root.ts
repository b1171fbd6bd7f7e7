// Where these pages begin. The server writes the way there into index.html, as a reverse proxy may offer them under a prefix
// that the server knows nothing of; what all addresses of the pages are made of.

let found: URL | undefined;

/** The address of the front page, with a slash at its end: `https://host/` or `https://host/hayate/`. */
export function siteRoot(): URL {
  // Seen from the address that was loaded, which navigation leaves behind: main.tsx asks first.
  found ??= new URL(document.querySelector('meta[name="hayate-root"]')?.getAttribute('content') ?? '/', location.href);
  return found;
}

/** Makes the relative addresses of index.html absolute: else a browser looks for its icon beside each page that is shown. */
export function pinAddresses(): void {
  for (const link of document.querySelectorAll('link')) link.setAttribute('href', link.href);
}

/** A path of the address bar as the pages know it, without the prefix `root` (a path with slashes around it). */
export function pathWithin(root: string, path: string): string {
  if (path.startsWith(root)) return path.slice(root.length - 1);
  // A proxy may lead here without the slash at the end.
  return `${path}/` === root ? '/' : path;
}
