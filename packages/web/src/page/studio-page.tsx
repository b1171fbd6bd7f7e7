// The page to go live from: the avatar follows pointer and voice, before and during the broadcast.
import { proposeStreamName } from '@hayate/protocol';
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';
import { AvatarCanvas } from '../component/avatar-canvas.tsx';
import { Brand } from '../component/brand.tsx';
import { ExpressionPad } from '../component/expression-pad.tsx';
import { GoLiveForm } from '../component/go-live-form.tsx';
import { LiveBadge } from '../component/live-badge.tsx';
import { Notice } from '../component/notice.tsx';
import { OnAir } from '../component/on-air.tsx';
import { useSession } from '../component/use-session.ts';
import { useSupport } from '../component/use-support.ts';
import { flagValue, hasFlag } from '../route/location.ts';
import { Puppet, puppetDelayMs } from '../studio/puppet.ts';
import { StudioSession } from '../studio/studio-session.ts';
import { durationText } from '../text/measure-text.ts';
import { textAttributes } from '../text/person-text.ts';
import '../style/stage.css';
import '../style/studio.css';

const nameKey = 'hayate.stream';
/** The preview follows the name when typing pauses. */
const typingMs = 300;

/** The studio. */
export default function StudioPage() {
  const [puppet] = useState(() => new Puppet());
  const [stream, setStream] = useState(() => localStorage.getItem(nameKey) ?? proposeStreamName(''));
  const [title, setTitle] = useState('');
  const [problem, setProblem] = useState<string>();
  const [session, setSession] = useState<StudioSession>();
  const preview = useRef<HTMLDivElement>(null);
  const shown = useSettled(stream, typingMs);
  const missing = useSupport('broadcast');
  useSession(session);
  usePointer(puppet, preview);
  useEndOnLeave(session);
  const pose = useCallback((nowMs: number) => puppet.poseAt(nowMs - puppetDelayMs), [puppet]);

  const goLive = async () => {
    setProblem(undefined);
    localStorage.setItem(nameKey, stream);
    try {
      const made = new StudioSession({ stream, title, puppet, processing: flagValue('processing') !== 'off' });
      if (hasFlag('debug')) (await import('../debug.ts')).exposeStudio(made);
      setSession(made);
      await made.start();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };

  const phase = session?.phase ?? 'over';
  const isOnAir = phase === 'live' || phase === 'reconnecting' || phase === 'ending';
  return (
    <main className="studio">
      <div className="studio-preview" ref={preview}>
        <AvatarCanvas stream={shown || 'hayate'} label="Your avatar, as viewers see it" pose={pose} />
        <header className="studio-bar">
          <Brand linked={!isOnAir} />
          <LiveBadge
            live={phase === 'live'}
            text={isOnAir ? (phase === 'live' ? 'Live' : phase === 'ending' ? 'Ending' : 'Reconnecting') : 'Preview'}
          />
        </header>
        <p className="studio-tip">Your avatar looks at your pointer and speaks with your voice.</p>
      </div>
      <section className="studio-panel" aria-label="Broadcast">
        <h1 {...textAttributes(isOnAir ? (session?.title ?? '') : '')}>{isOnAir ? session?.title || session?.stream : 'Go live'}</h1>
        {missing?.map(({ feature, sentence }) => (
          <Notice key={feature} kind="problem">
            {sentence}
          </Notice>
        ))}
        {phase === 'reconnecting' && (
          <Notice kind="hint">
            The connection was lost and will come back by itself. Keep talking: up to 30 seconds are kept and sent then.
          </Notice>
        )}
        {isOnAir && phase !== 'reconnecting' && session?.problem !== undefined && <Notice kind="problem">{session.problem}</Notice>}
        {!isOnAir && (problem ?? session?.problem) !== undefined && <Notice kind="problem">{problem ?? session?.problem}</Notice>}
        {phase === 'over' && session !== undefined && <Summary session={session} />}
        {isOnAir && session !== undefined ? (
          <>
            <ExpressionPad performer={puppet.expression} />
            <OnAir session={session} />
          </>
        ) : (
          <GoLiveForm
            stream={stream}
            title={title}
            disabled={missing === undefined || missing.length > 0}
            starting={phase === 'starting'}
            onStream={setStream}
            onTitle={setTitle}
            onGoLive={() => void goLive()}
          />
        )}
        {!isOnAir && <ExpressionPad performer={puppet.expression} />}
      </section>
    </main>
  );
}

/** The summary of a finished broadcast. */
function Summary({ session }: { session: StudioSession }) {
  const { liveMs, frames, stored } = session.readout;
  if (frames === 0) return null;
  const kept =
    stored >= frames
      ? `all ${frames.toLocaleString('en')} frames are stored`
      : `${stored.toLocaleString('en')} of ${frames.toLocaleString('en')} frames are stored`;
  return (
    <Notice kind="hint">
      The broadcast ended after {durationText(liveMs)}: {kept}.
    </Notice>
  );
}

/** `value` once it has not changed for `afterMs`. */
function useSettled<Value>(value: Value, afterMs: number): Value {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), afterMs);
    return () => clearTimeout(timer);
  }, [value, afterMs]);
  return settled;
}

/** Lets the puppet look at the pointer anywhere on the page. */
function usePointer(puppet: Puppet, preview: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const onMove = (event: PointerEvent) => {
      const box = preview.current?.getBoundingClientRect();
      if (box === undefined || box.width === 0 || box.height === 0) return;
      const x = (event.clientX - box.left - box.width / 2) / (box.width / 2);
      // The avatar's eyes are above the middle of the picture.
      const y = (box.top + box.height * 0.42 - event.clientY) / (box.height / 2);
      puppet.pointer.point(x, y, performance.now());
    };
    const onLeave = () => puppet.pointer.leave(performance.now());
    addEventListener('pointermove', onMove);
    document.documentElement.addEventListener('pointerleave', onLeave);
    return () => {
      removeEventListener('pointermove', onMove);
      document.documentElement.removeEventListener('pointerleave', onLeave);
    };
  }, [puppet, preview]);
}

/** Ends the broadcast when the user leaves the page. */
function useEndOnLeave(session: StudioSession | undefined): void {
  useEffect(() => {
    if (session === undefined) return;
    const end = () => void session.end();
    addEventListener('pagehide', end);
    return () => {
      removeEventListener('pagehide', end);
      end();
    };
  }, [session]);
}
