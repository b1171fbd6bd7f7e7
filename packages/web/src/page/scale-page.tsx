// The page of `npm run demo:scale`: a talking avatar, the Redis servers that carry it, and the
// buttons to kill and hang them.
import type { Pose } from '@hayate/client';
import { useCallback, useState } from 'react';
import { ActionList } from '../component/action-list.tsx';
import { AvatarCanvas } from '../component/avatar-canvas.tsx';
import { Brand } from '../component/brand.tsx';
import { Icon } from '../component/icon.tsx';
import { LiveBadge } from '../component/live-badge.tsx';
import { Notice } from '../component/notice.tsx';
import { ShardCard } from '../component/shard-card.tsx';
import { TrafficComparison } from '../component/traffic-comparison.tsx';
import { useSession } from '../component/use-session.ts';
import { Volume } from '../component/volume.tsx';
import type { AvatarView } from '../render/avatar-view.ts';
import type { SceneAddress, ShardAction, Snapshot } from '../scale/scene.ts';
import { doAction, type SceneState, useScene } from '../scale/use-scene.ts';
import { countText, viewersText } from '../text/measure-text.ts';
import { sleepingPose } from '../watch/sleeper.ts';
import { useVisit } from '../watch/use-visit.ts';
import '../style/stage.css';
import '../style/watch.css';
import '../style/scale.css';

/** The page. */
export default function ScalePage() {
  const scene = useScene();
  return (
    <main className="scale">
      <Stage address={scene.address} snapshot={scene.snapshot} />
      <section className="scale-panel">
        <div>
          <h1>
            Pull the <em>plug.</em>
          </h1>
          <p className="scale-lead">
            Three Redis servers carry this broadcast from a streamer to two listener processes. Kill one, or let it hang: the other servers
            take over its messages, and no viewer misses a frame.
          </p>
        </div>
        {scene.problem !== undefined && <Notice kind="problem">{scene.problem}</Notice>}
        {scene.snapshot !== undefined && <Panel scene={scene} snapshot={scene.snapshot} />}
      </section>
    </main>
  );
}

function Stage({ address, snapshot }: { address: SceneAddress | undefined; snapshot: Snapshot | undefined }) {
  const [view, setView] = useState<AvatarView>();
  const session = useVisit(address && { stream: address.stream, elsewhere: address }, view);
  useSession(session);
  const isOn = session?.phase === 'live' || session?.phase === 'reconnecting';
  const pose = useCallback(
    (nowMs: number): Pose | undefined => (isOn ? session?.player.poseAt() : undefined) ?? sleepingPose(nowMs),
    [session, isOn],
  );
  return (
    <section className="scale-stage" aria-label="The broadcast">
      <AvatarCanvas stream="demo" label={isOn ? 'The avatar, live' : 'The avatar, asleep'} pose={pose} dim={!isOn} onView={setView} />
      <header className="watch-bar">
        <Brand linked={false} />
        <span className="watch-state">
          {snapshot !== undefined && (
            <span className="badge">
              <Icon name="viewers" />
              {viewersText(snapshot.audience.connected)}
            </span>
          )}
          <LiveBadge live={isOn} text={isOn ? 'Live' : 'Connecting'} />
        </span>
      </header>
      {session !== undefined && isOn && session.isBlocked && (
        <button type="button" className="tap-to-hear" onClick={() => void session.player.resume().catch(() => {})}>
          <span className="tap-to-hear-pill">
            <Icon name="sound" />
            Tap to hear
          </span>
        </button>
      )}
      {session !== undefined && <Volume player={session.player} />}
      {snapshot !== undefined && <p className="badge scale-lost">{countText(snapshot.total.lost)} frames lost</p>}
    </section>
  );
}

function Panel({ scene: { loads }, snapshot }: { scene: SceneState; snapshot: Snapshot }) {
  const [refusal, setRefusal] = useState<string>();
  const act = (shard: number, action: ShardAction) => void doAction(shard, action).then(setRefusal);
  const top = Math.max(1, ...loads.flat());
  return (
    <>
      <Counters snapshot={snapshot} />
      {refusal !== undefined && <Notice kind="hint">{refusal}</Notice>}
      <ul className="shards">
        {snapshot.shards.map((shard, i) => (
          <ShardCard key={shard.number} shard={shard} loads={loads[i] ?? []} top={top} onAction={(action) => act(shard.number, action)} />
        ))}
      </ul>
      <ActionList actions={snapshot.actions} />
      <TrafficComparison audience={snapshot.audience} nowUnixMs={snapshot.atUnixMs} />
    </>
  );
}

function Counters({ snapshot: { total, audience } }: { snapshot: Snapshot }) {
  const isWhole = total.lost === 0;
  return (
    <dl className="counters">
      <div className={isWhole ? 'counter-main' : 'counter-main counter-bad'}>
        <dt>Frames lost</dt>
        <dd>{countText(total.lost)}</dd>
        <p>of {countText(audience.received + total.lost)} sent to viewers</p>
      </div>
      <Counter name="Longest gap" value={`${Math.round(total.longestGapMs)} ms`} note="between two frames, of all viewers" />
      <Counter name="Repaired" value={countText(total.repaired)} note="frames sent again to a listener" />
      <Counter name="Sent again" value={countText(total.republished)} note="messages that a Redis did not confirm" />
    </dl>
  );
}

function Counter({ name, value, note }: { name: string; value: string; note: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
      <p>{note}</p>
    </div>
  );
}
