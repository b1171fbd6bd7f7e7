// The page for a path that does not exist.
import { nearestStreamName } from '@hayate/protocol';
import { Brand } from '../component/brand.tsx';
import { Link } from '../component/link.tsx';
import { PersonText } from '../component/person-text.tsx';
import { siteRoot } from '../route/root.ts';
import { watchPath } from '../route/route.ts';

/** For an unknown path. `name` is the invalid stream name in it, `near` a similar valid name. */
export function MissingPage({ name }: { name: string | undefined }) {
  const near = name === undefined ? '' : nearestStreamName(name);
  return (
    <main className="missing">
      <Brand />
      <h1>There is nothing here.</h1>
      {name !== undefined && (
        <p>
          “<PersonText>{name}</PersonText>” is not a valid stream name.
        </p>
      )}
      <p>
        A stream's page is at {siteRoot().pathname}watch/ followed by its name: at most 64 of A–Z, a–z, 0–9, _ and -. Titles may be in any
        script, names may not.
      </p>
      {near !== '' && (
        <Link to={watchPath(near)} className="button">
          Go to {near}
        </Link>
      )}
      <Link to="/" className="button">
        See who is live
      </Link>
    </main>
  );
}
