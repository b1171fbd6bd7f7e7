// The root of these pages, from which all their addresses are built. The server writes it into
// index.html as a relative path, because a reverse proxy may serve them under a prefix that the
// server does not know.

let found: URL | undefined;

/**
 * The address of the front page, with a trailing slash: `https://host/` or `https://host/hayate/`.
 */
export function siteRoot(): URL {
  // Relative to the address that was loaded. Navigation changes that address, so main.tsx calls
  // this first.
  found ??= new URL(document.querySelector('meta[name="hayate-root"]')?.getAttribute('content') ?? '/', location.href);
  return found;
}

/**
 * Makes the relative addresses of index.html absolute; otherwise a browser would look for the icon
 * relative to each page.
 */
export function pinAddresses(): void {
  for (const link of document.querySelectorAll('link')) link.setAttribute('href', link.href);
}

/**
 * A path of the address bar without the prefix `root` (a path with slashes around it), as the pages
 * use it.
 */
export function pathWithin(root: string, path: string): string {
  if (path.startsWith(root)) return path.slice(root.length - 1);
  // A proxy may serve the root without a trailing slash.
  return `${path}/` === root ? '/' : path;
}
