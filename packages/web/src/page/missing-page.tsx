// What a path shows that leads nowhere.
// What stands at a path that no page has.
import { Brand } from '../component/brand.tsx';
import { Link } from '../component/link.tsx';
import { siteRoot } from '../route/root.ts';

/** For a path that names nothing. */
export function MissingPage() {
  return (
    <main className="missing">
      <Brand />
      <h1>There is nothing here.</h1>
      <p>A stream's page is at {siteRoot().pathname}watch/ and its name: letters, digits, _ and -, at most 64.</p>
      <Link to="/" className="button">
        See who is live
      </Link>
    </main>
  );
}
