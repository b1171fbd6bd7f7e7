// Past broadcasts by stream and time, newest first, each with a link to its replay. For moderators.
import { type FormEvent, useEffect, useState } from 'react';
import { type PastBroadcast, type PastQuery, pastBroadcasts } from '../api/archive.ts';
import { Brand } from '../component/brand.tsx';
import { Icon } from '../component/icon.tsx';
import { Link } from '../component/link.tsx';
import { Notice } from '../component/notice.tsx';
import { PastRow } from '../component/past-row.tsx';
import { useThumbnailRenderer } from '../render/use-thumbnail-renderer.ts';
import { foldName } from '../studio/name-advice.ts';
import { dayText } from '../text/time-text.ts';
import '../style/front.css';
import '../style/past.css';

interface Found {
  broadcasts: readonly PastBroadcast[];
  next: string | undefined;
  isSearching: boolean;
  problem: string | undefined;
}

const nothing: Found = { broadcasts: [], next: undefined, isSearching: true, problem: undefined };

/** The page of past broadcasts. */
export default function PastPage() {
  const [query, setQuery] = useState<PastQuery>({});
  const [found, setFound] = useState(nothing);
  const renderer = useThumbnailRenderer();
  const [after, setAfter] = useState<string>();
  useEffect(() => {
    let stopped = false;
    setFound((before) => (after === undefined ? nothing : { ...before, isSearching: true, problem: undefined }));
    pastBroadcasts({ ...query, ...(after === undefined ? {} : { after }) }).then(
      ({ broadcasts, next }) => {
        if (!stopped)
          setFound((before) => ({ broadcasts: [...before.broadcasts, ...broadcasts], next, isSearching: false, problem: undefined }));
      },
      (error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        if (!stopped) setFound((before) => ({ ...before, isSearching: false, problem }));
      },
    );
    return () => {
      stopped = true;
    };
  }, [query, after]);
  const search = (wanted: PastQuery) => {
    setAfter(undefined);
    setQuery(wanted);
  };
  const { broadcasts, next, isSearching, problem } = found;
  return (
    <div className="front past">
      <header className="front-bar">
        <Brand />
        <nav className="front-nav" aria-label="Pages">
          <Link to="/" className="button button-quiet">
            <Icon name="broadcast" />
            Live now
          </Link>
        </nav>
      </header>
      <main>
        <section className="past-head">
          <h1>Past broadcasts</h1>
          <Search onSearch={search} />
        </section>
        {problem !== undefined && <Notice kind="problem">{problem}</Notice>}
        <section aria-label="Broadcasts" aria-busy={isSearching}>
          {byDay(broadcasts).map(([day, ofDay]) => (
            <section key={day} className="past-day" aria-label={day}>
              <h2>{day}</h2>
              <ul className="past-rows">
                {ofDay.map((broadcast) => (
                  <li key={broadcast.stream + broadcast.epoch}>
                    <PastRow broadcast={broadcast} renderer={renderer} />
                  </li>
                ))}
              </ul>
            </section>
          ))}
          {isSearching && (
            <div className="past-searching" role="status">
              <span className="visually-hidden">Searching the archive</span>
              <span className="gust" aria-hidden="true" />
            </div>
          )}
          {!isSearching && broadcasts.length === 0 && problem === undefined && next === undefined && <Empty />}
          {!isSearching && next !== undefined && (
            <div className="past-more">
              <button type="button" className="button" onClick={() => setAfter(next)}>
                Show older broadcasts
              </button>
            </div>
          )}
        </section>
      </main>
    </div>
  );
}

const daysAre = `Days are in your time zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`;

/** The search form for a stream and days; days are in the visitor's time zone. */
function Search({ onSearch }: { onSearch: (query: PastQuery) => void }) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const said = new FormData(event.currentTarget);
    const [stream, from, to] = ['stream', 'from', 'to'].map((name) => String(said.get(name) ?? '').trim());
    onSearch({
      ...(stream ? { stream } : {}),
      ...(from ? { from: startOfDay(from, 0) } : {}),
      ...(to ? { to: startOfDay(to, 1) } : {}),
    });
  };
  return (
    <search>
      <form className="past-search" onSubmit={submit} onReset={() => onSearch({})}>
        <label>
          Stream
          <input
            name="stream"
            placeholder="All streams"
            maxLength={64}
            pattern="[A-Za-z0-9_\-]+"
            title="A stream name: A–Z, a–z, 0–9, _ and -"
            onBlur={(event) => {
              event.currentTarget.value = foldName(event.currentTarget.value);
            }}
            autoCapitalize="none"
            autoComplete="off"
            spellCheck={false}
          />
        </label>
        <label>
          From
          <input name="from" type="date" title={daysAre} />
        </label>
        <label>
          To
          <input name="to" type="date" title={daysAre} />
        </label>
        <button type="submit" className="button">
          <Icon name="search" />
          Search
        </button>
        <button type="reset" className="button button-quiet">
          Clear
        </button>
      </form>
    </search>
  );
}

function Empty() {
  return (
    <div className="empty">
      <span className="gust" aria-hidden="true" />
      <p className="empty-title">Nothing here yet.</p>
      <p>A broadcast appears here after its first minute has been archived.</p>
    </div>
  );
}

/**
 * The start of the visitor's day `date` (yyyy-mm-dd), or of the day `later` days after it; ISO
 * 8601.
 */
function startOfDay(date: string, later: number): string {
  const [year = 0, month = 1, day = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, day + later).toISOString();
}

/** Groups broadcasts by day, in the given order. */
function byDay(broadcasts: readonly PastBroadcast[]): [string, PastBroadcast[]][] {
  const now = new Date();
  const days = new Map<string, PastBroadcast[]>();
  for (const broadcast of broadcasts) {
    const day = dayText(new Date(broadcast.startedAt), now);
    days.set(day, [...(days.get(day) ?? []), broadcast]);
  }
  return [...days];
}
