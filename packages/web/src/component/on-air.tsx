// The studio while it is live: measurements, viewers and the controls.
import { cleanText } from '@hayate/protocol';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { hrefOf } from '../route/location.ts';
import { watchPath } from '../route/route.ts';
import type { StudioSession } from '../studio/studio-session.ts';
import { bitrateText, durationText, latencyText, shareText } from '../text/measure-text.ts';
import { Icon } from './icon.tsx';
import { Readout } from './readout.tsx';
import { excessOf, TitleField } from './title-field.tsx';

/** Readouts and controls of `session`. */
export function OnAir({ session }: { session: StudioSession }) {
  const { bitsPerSecond, roundTripMs, dropped, viewers, liveMs, frames, stored } = session.readout;
  return (
    <div className="on-air">
      <dl className="readouts readouts-studio">
        <Readout name="Viewers" value={viewers.toLocaleString('en')} />
        <Readout name="Live for" value={durationText(liveMs)} />
        <Readout name="Bitrate" value={bitrateText(bitsPerSecond)} note="Sent over the last two seconds" />
        <Readout name="Round trip" value={latencyText(roundTripMs)} note="To the server and back" />
        <Readout name="Dropped" value={dropped.toLocaleString('en')} note="Frames that were never sent" warn={dropped > 0} />
        <Readout name="Stored" value={shareText(stored, frames)} note="Share of all frames that the server has on disk" />
      </dl>
      <div className="on-air-voice">
        <button type="button" className="button" aria-pressed={session.muted} onClick={() => (session.muted = !session.muted)}>
          <Icon name={session.muted ? 'microphoneOff' : 'microphone'} />
          {session.muted ? 'Muted' : 'Mute'}
        </button>
        <Loudness session={session} />
      </div>
      <TitleForm session={session} />
      <div className="on-air-end">
        <a className="button" href={hrefOf(watchPath(session.stream))} target="_blank" rel="noreferrer">
          <Icon name="open" />
          Watch page
        </a>
        <button type="button" className="button button-danger" disabled={session.phase === 'ending'} onClick={() => void session.end()}>
          {session.phase === 'ending' ? 'Storing the rest…' : 'End broadcast'}
        </button>
      </div>
    </div>
  );
}

/** The loudness of the voice. It changes every frame, so React does not render it. */
function Loudness({ session }: { session: StudioSession }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let shown = 0;
    let request = 0;
    const frame = () => {
      request = requestAnimationFrame(frame);
      const loudness = session.muted ? 0 : session.loudness;
      shown = Math.max(loudness, shown * 0.9);
      if (bar.current !== null) bar.current.style.transform = `scaleX(${shown.toFixed(3)})`;
    };
    request = requestAnimationFrame(frame);
    return () => cancelAnimationFrame(request);
  }, [session]);
  return (
    <span className="loudness" aria-hidden="true">
      <span ref={bar} />
    </span>
  );
}

function TitleForm({ session }: { session: StudioSession }) {
  const [title, setTitle] = useState(session.title);
  const save = (event: FormEvent) => {
    event.preventDefault();
    if (excessOf(title) > 0) return;
    session.title = title;
    setTitle(session.title);
  };
  return (
    <form className="title-form" onSubmit={save}>
      <TitleField title={title} onTitle={setTitle}>
        <button type="submit" className="button" disabled={excessOf(title) > 0 || cleanText(title) === session.title}>
          Change
        </button>
      </TitleField>
    </form>
  );
}
