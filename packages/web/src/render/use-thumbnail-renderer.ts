// The one renderer of a page's small avatars, as long as the page is shown.
import { useEffect, useState } from 'react';
import { ThumbnailRenderer } from './thumbnail-renderer.ts';

/** The renderer that all of a page's cards share; undefined at first, and where the browser has no WebGL 2. */
export function useThumbnailRenderer(): ThumbnailRenderer | undefined {
  const [renderer, setRenderer] = useState<ThumbnailRenderer>();
  useEffect(() => {
    let made: ThumbnailRenderer;
    try {
      made = new ThumbnailRenderer();
    } catch {
      return;
    }
    setRenderer(made);
    return () => made.dispose();
  }, []);
  return renderer;
}
