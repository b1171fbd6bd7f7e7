// What stands at a path that no page has.
import { nearestStreamName } from '@hayate/protocol';
import { Brand } from '../component/brand.tsx';
import { Link } from '../component/link.tsx';
import { PersonText } from '../component/person-text.tsx';
import { siteRoot } from '../route/root.ts';
import { watchPath } from '../route/route.ts';

/** For a path that names nothing; `name` is what stands where a stream's name should, `near` the stream name that is like it. */
export function MissingPage({ name }: { name: string | undefined }) {
  const near = name === undefined ? '' : nearestStreamName(name);
  return (
    <main className="missing">
      <Brand />
      <h1>There is nothing here.</h1>
      {name !== undefined && (
        <p>
          No stream can be called “<PersonText>{name}</PersonText>”.
        </p>
      )}
      <p>
        A stream's page is at {siteRoot().pathname}watch/ and its name: A–Z, a–z, 0–9, _ and -, at most 64. Titles may be in any script,
        names may not.
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
