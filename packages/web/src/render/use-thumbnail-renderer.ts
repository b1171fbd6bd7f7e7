// The one renderer of a page's small avatars, for as long as the page is shown.
import { useEffect, useState } from 'react';
import { ThumbnailRenderer } from './thumbnail-renderer.ts';

/** The renderer that all cards of a page share; undefined at first, and without WebGL 2. */
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
