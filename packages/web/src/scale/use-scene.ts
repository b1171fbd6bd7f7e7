// The demonstration's data for its page: the stream's address and the snapshots, with a short
// history of each Redis' load. Actions go the other way.
import { useEffect, useState } from 'react';
import { server } from '../api/server.ts';
import type { SceneAddress, ShardAction, Snapshot } from './scene.ts';

/** Snapshots whose loads are kept: 15 s. */
const HISTORY = 60;

/** The page's data. */
export interface SceneState {
  /** Undefined until it is known. */
  readonly address: SceneAddress | undefined;
  readonly snapshot: Snapshot | undefined;
  /** Each Redis' messages a second, oldest first. */
  readonly loads: readonly (readonly number[])[];
  /** Why there is nothing to show: one sentence. */
  readonly problem: string | undefined;
}

const nothing: SceneState = { address: undefined, snapshot: undefined, loads: [], problem: undefined };
const unknownPlace = 'This page belongs to a demonstration: run npm run demo:scale and open the address that it prints.';
const gone = 'The demonstration does not answer: it may have been stopped.';

function take(state: SceneState, snapshot: Snapshot): SceneState {
  const loads = snapshot.shards.map(({ publishesPerSecond }, i) => [...(state.loads[i] ?? []), publishesPerSecond].slice(-HISTORY));
  return { ...state, snapshot, loads, problem: undefined };
}

/** The scene of the demonstration that served this page. */
export function useScene(): SceneState {
  const [state, setState] = useState(nothing);
  useEffect(() => {
    const snapshots = new EventSource(`${server}/demo/snapshots`);
    snapshots.onmessage = ({ data }: MessageEvent<string>) => setState((last) => take(last, JSON.parse(data) as Snapshot));
    snapshots.onerror = () => setState((last) => ({ ...last, problem: last.address === undefined ? unknownPlace : gone }));
    const ask = async () => {
      const response = await fetch(`${server}/demo/scene`, { cache: 'no-store' });
      if (!response.ok) throw new Error(unknownPlace);
      const address = (await response.json()) as SceneAddress;
      setState((last) => ({ ...last, address }));
    };
    ask().catch(() => setState((last) => ({ ...last, problem: unknownPlace })));
    return () => snapshots.close();
  }, []);
  return state;
}

/** Performs an action on a Redis; resolves to a sentence if it was refused. */
export async function doAction(shard: number, action: ShardAction): Promise<string | undefined> {
  try {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(`${server}/demo/action`, { method: 'POST', headers, body: JSON.stringify({ shard, action }) });
    return response.ok ? undefined : `Redis ${shard} is busy with another action.`;
  } catch {
    return gone;
  }
}
