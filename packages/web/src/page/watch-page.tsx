// One stream: its avatar over the whole window, its voice, and measurements of the connection.
import type { Pose } from '@hayate/client';
import { useCallback, useState } from 'react';
import { AvatarCanvas } from '../component/avatar-canvas.tsx';
import { Brand } from '../component/brand.tsx';
import { Icon } from '../component/icon.tsx';
import { LiveBadge } from '../component/live-badge.tsx';
import { Notice } from '../component/notice.tsx';
import { Readout } from '../component/readout.tsx';
import { useSession } from '../component/use-session.ts';
import { useSupport } from '../component/use-support.ts';
import { Volume } from '../component/volume.tsx';
import type { AvatarView } from '../render/avatar-view.ts';
import { bitrateText, latencyText, shareText, viewersText } from '../text/measure-text.ts';
import { isolated, textAttributes } from '../text/person-text.ts';
import { sleepingPose } from '../watch/sleeper.ts';
import { useVisit } from '../watch/use-visit.ts';
import type { WatchPhase } from '../watch/watch-phase.ts';
import type { WatchSession } from '../watch/watch-session.ts';
import '../style/stage.css';
import '../style/watch.css';

const phaseTexts: Readonly<Record<WatchPhase, string>> = {
  connecting: 'Connecting',
  waiting: 'Waiting',
  live: 'Live',
  reconnecting: 'Reconnecting',
  ended: 'Ended',
  failed: 'Not connected',
};

/** The page of `stream`. */
export default function WatchPage({ stream }: { stream: string }) {
  const [view, setView] = useState<AvatarView>();
  const [attempt, setAttempt] = useState(0);
  const session = useVisit({ stream }, view, attempt);
  useSession(session);
  const phase = session?.phase ?? 'connecting';
  const missing = useSupport('watch');
  const pose = useCallback(
    (nowMs: number): Pose | undefined => {
      const isOn = session !== undefined && (session.phase === 'live' || session.phase === 'reconnecting');
      return (isOn ? session.player.poseAt() : undefined) ?? sleepingPose(nowMs);
    },
    [session],
  );
  const isOn = phase === 'live' || phase === 'reconnecting';
  const title = session?.title || stream;
  const lacks = missing?.[0]?.sentence ?? session?.soundProblem;
  return (
    <main className="watch">
      <AvatarCanvas
        stream={stream}
        label={isOn ? `The avatar of ${isolated(title)}, live` : `The avatar of ${stream}, asleep`}
        pose={pose}
        dim={!isOn}
        onView={setView}
      />
      <header className="watch-bar">
        <Brand />
        <span className="watch-state" role="status">
          {session !== undefined && phase === 'live' && (
            <span className="badge">
              <Icon name="viewers" />
              {viewersText(session.readout.viewers)}
            </span>
          )}
          <LiveBadge live={phase === 'live'} text={phaseTexts[phase]} />
        </span>
      </header>
      {!isOn && <Standby phase={phase} stream={stream} problem={session?.problem} onRetry={() => setAttempt(attempt + 1)} />}
      {session !== undefined && phase === 'live' && session.isBlocked && (
        <button type="button" className="tap-to-hear" onClick={() => void session.player.resume().catch(() => {})}>
          <span className="tap-to-hear-pill">
            <Icon name="sound" />
            Tap to hear
          </span>
        </button>
      )}
      <footer className="watch-foot">
        {phase === 'reconnecting' && <Notice kind="hint">The connection was lost. Reconnecting…</Notice>}
        {lacks !== undefined && <Notice kind="problem">{lacks}</Notice>}
        <div className="watch-about">
          <h1 title={title} {...textAttributes(title)}>
            {title}
          </h1>
          {title !== stream && <p>{stream}</p>}
        </div>
        {session !== undefined && <Volume player={session.player} />}
        {session !== undefined && isOn && <Readouts session={session} />}
      </footer>
    </main>
  );
}

/** The text shown instead of a live avatar. */
function Standby({
  phase,
  stream,
  problem,
  onRetry,
}: {
  phase: WatchPhase;
  stream: string;
  problem: string | undefined;
  onRetry: () => void;
}) {
  return (
    <div className="standby" role="status">
      {phase === 'connecting' && <p className="standby-title">Connecting…</p>}
      {phase === 'waiting' && (
        <>
          <p className="standby-title">Waiting for the broadcast</p>
          <p>{stream} is not live yet. The broadcast will start here by itself.</p>
        </>
      )}
      {phase === 'ended' && (
        <>
          <p className="standby-title">The broadcast has ended</p>
          <p>Stay here: the next one will start by itself.</p>
        </>
      )}
      {phase === 'failed' && (
        <>
          <p className="standby-title">Not connected</p>
          <p>{problem}</p>
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
        </>
      )}
    </div>
  );
}

function Readouts({ session }: { session: WatchSession }) {
  const { latencyMs, errorMs, isHeard, lost, received, bitsPerSecond } = session.readout;
  const heard = isHeard ? 'From the microphone to your ear' : 'From capture to arrival on your device';
  return (
    <dl className="readouts">
      <Readout name="Latency" value={latencyText(latencyMs, errorMs)} note={`${heard}, measured by the server's clock`} />
      <Readout
        name="Loss"
        value={shareText(lost, lost + received)}
        note={`${lost} of ${lost + received} frames did not arrive`}
        warn={lost > 0.01 * received}
      />
      <Readout name="Bitrate" value={bitrateText(bitsPerSecond)} note="Received over the last two seconds" />
    </dl>
  );
}
