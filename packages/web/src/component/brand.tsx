// The mark and the name, at the top left of every page.
import { Link } from './link.tsx';

function Mark() {
  return (
    <svg className="brand-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M3 11h15.200a3.800 3.800 0 1 0-3.600-5" />
      <path d="M7 16.300h19.500" />
      <path d="M2.500 21.600h20a3.600 3.600 0 1 1-3.400 4.800" />
    </svg>
  );
}

/**
 * Hayate's mark, three lines of wind, and its name. A link to the front page, unless leaving would
 * end a broadcast.
 */
export function Brand({ linked = true }: { linked?: boolean }) {
  const name = (
    <>
      <Mark />
      <span>Hayate</span>
    </>
  );
  if (!linked) return <span className="brand">{name}</span>;
  return (
    <Link to="/" className="brand" aria-label="Hayate, live streams">
      {name}
    </Link>
  );
}
