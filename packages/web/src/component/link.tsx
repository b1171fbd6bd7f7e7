// A link within these pages: followed without a page load, and an ordinary link when opened in a
// new tab.
import type { ComponentProps, MouseEvent } from 'react';
import { hrefOf, navigate } from '../route/location.ts';

/** A link to `to`, a path of these pages. */
export function Link({ to, ...rest }: { to: string } & Omit<ComponentProps<'a'>, 'href' | 'onClick'>) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!isPlain || rest.target === '_blank') return;
    event.preventDefault();
    navigate(to);
  };
  return <a {...rest} href={hrefOf(to)} onClick={follow} />;
}
