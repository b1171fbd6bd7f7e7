// A past broadcast as viewers saw it: the avatar over the whole window, its voice, and the timeline
// to move to any place.
import { type Pose, ReplayRates } from '@hayate/client';
import { useCallback, useEffect, useState } from 'react';
import { AvatarCanvas } from '../component/avatar-canvas.tsx';
import { Brand } from '../component/brand.tsx';
import { Icon } from '../component/icon.tsx';
import { Link } from '../component/link.tsx';
import { Notice } from '../component/notice.tsx';
import { Timeline } from '../component/timeline.tsx';
import { useSession } from '../component/use-session.ts';
import { useSupport } from '../component/use-support.ts';
import { Volume } from '../component/volume.tsx';
import type { AvatarView } from '../render/avatar-view.ts';
import type { OpenReplay, ReplaySession } from '../replay/replay-session.ts';
import { useReplay } from '../replay/use-replay.ts';
import { durationText } from '../text/measure-text.ts';
import { isolated, textAttributes } from '../text/person-text.ts';
import { dayText, utcText, zonedClockText } from '../text/time-text.ts';
import { sleepingPose } from '../watch/sleeper.ts';
import '../style/stage.css';
import '../style/watch.css';
import '../style/replay.css';

const rates = [ReplayRates.min, 1, 1.5, 2, ReplayRates.max];

/** The replay of one broadcast. */
export default function ReplayPage({ stream, epoch }: { stream: string; epoch: string }) {
  const [view, setView] = useState<AvatarView>();
  const [attempt, setAttempt] = useState(0);
  const session = useReplay({ stream, epoch }, view, attempt);
  useSession(session);
  useKeys(session);
  const opened = session?.opened;
  const state = session?.state ?? 'loading';
  const lacks = useSupport('watch')?.[0]?.sentence ?? session?.soundProblem;
  const pose = useCallback((nowMs: number): Pose | undefined => session?.opened?.player.poseAt() ?? sleepingPose(nowMs), [session]);
  const title = opened?.replay.header?.title || opened?.details.title || stream;
  const retry = () => (opened === undefined ? setAttempt(attempt + 1) : session?.retry());
  return (
    <main className="watch replay">
      <AvatarCanvas
        stream={stream}
        label={`The avatar of ${isolated(title)}, replayed`}
        pose={pose}
        dim={state === 'failed'}
        onView={setView}
      />
      <header className="watch-bar">
        <Brand />
        <span className="watch-state" role="status">
          {state === 'loading' && <span className="badge">Loading</span>}
          <span className="badge">
            <Icon name="history" />
            Replay
          </span>
        </span>
      </header>
      {state === 'failed' && (
        <div className="standby" role="alert">
          <p className="standby-title">This broadcast cannot be replayed</p>
          <p>{session?.problem}</p>
          <button type="button" className="button" onClick={retry}>
            Try again
          </button>
        </div>
      )}
      <footer className="watch-foot replay-foot">
        {lacks !== undefined && <Notice kind="problem">{lacks}</Notice>}
        <div className="watch-about">
          <h1 title={title} {...textAttributes(title)}>
            {title}
          </h1>
          <p>
            <Link to="/past">Past broadcasts</Link>
            <span aria-hidden="true"> · </span>
            {title !== stream && `${stream} · `}
            {opened !== undefined && <Began opened={opened} />}
          </p>
        </div>
        {session !== undefined && opened !== undefined && <Controls session={session} opened={opened} />}
      </footer>
    </main>
  );
}

function Began({ opened: { details } }: { opened: OpenReplay }) {
  const began = new Date(details.startedAt);
  return (
    <time dateTime={details.startedAt} title={utcText(began)}>
      {dayText(began, new Date())}, {zonedClockText(began)}
    </time>
  );
}

function Controls({ session, opened: { details, replay, player } }: { session: ReplaySession; opened: OpenReplay }) {
  const placeMs = useCallback(() => replay.positionMs, [replay]);
  const originMs = Number(replay.header?.originUnixUs ?? 0n) / 1000 || Date.parse(details.startedAt);
  const { isWanted, positionMs } = replay;
  const shown = new Date(originMs + positionMs);
  return (
    <>
      <Timeline
        levels={details.levels}
        durationMs={replay.durationMs}
        originMs={originMs}
        placeMs={placeMs}
        onSeek={(place) => session.seek(place)}
      />
      <div className="replay-controls">
        <button
          type="button"
          className="button button-primary button-round replay-play"
          aria-label={isWanted ? 'Pause' : 'Play'}
          onClick={() => session.toggle()}
        >
          <Icon name={isWanted ? 'pause' : session.state === 'ended' ? 'restart' : 'play'} />
        </button>
        <p className="replay-place">
          <span className="replay-time">{durationText(positionMs)}</span>
          <span className="replay-length"> / {durationText(replay.durationMs)}</span>
          <time className="replay-clock" title={`When it was broadcast: ${utcText(shown)}`}>
            {zonedClockText(shown)}
          </time>
        </p>
        <fieldset className="speeds">
          <legend className="visually-hidden">Speed</legend>
          {rates.map((rate) => (
            <label key={rate} className="speed">
              <input
                type="radio"
                name="speed"
                checked={replay.rate === rate}
                onChange={() => {
                  session.rate = rate;
                }}
              />
              <span>{rate} ×</span>
            </label>
          ))}
        </fieldset>
        <Volume player={player} />
      </div>
    </>
  );
}

/**
 * Space plays and pauses, arrows step, except while a control that uses these keys has the focus.
 */
function useKeys(session: ReplaySession | undefined): void {
  useEffect(() => {
    if (session === undefined) return;
    const press = (event: KeyboardEvent) => {
      const target = event.target instanceof Element ? event.target : document.body;
      if (event.altKey || event.ctrlKey || event.metaKey || target.closest('a, button') !== null) return;
      const isInput = target.closest('input') !== null;
      if (event.key === ' ' && !(isInput && target.matches('[type=radio]'))) session.toggle();
      else if (event.key === 'ArrowLeft' && !isInput) session.step(-5_000);
      else if (event.key === 'ArrowRight' && !isInput) session.step(5_000);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [session]);
}
