// In: a CPU profile that Node wrote (--cpu-prof), and rules that name stages. Out: each stage's
// share of the time that the main thread worked. A function's own time belongs to the first stage
// that matches the function or, going up, one of its callers.
import { readFileSync } from 'node:fs';

/** A stage's name and its patterns: a part of a module's URL, or `function@part`. */
export type StageRules = readonly (readonly [stage: string, ...patterns: string[]])[];

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  samples: number[];
  timeDeltas: number[];
}

/** The stage of all time that no rule claims. */
export const REST = 'everything else';

/** Stages and their shares, the largest first. The shares add up to 1. Idle time is not counted. */
export function profileShares(path: string, rules: StageRules): [stage: string, share: number][] {
  const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(path, 'utf8'));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const stages = new Map<number, string>();
  const stageOf = (id: number | undefined): string => {
    if (id === undefined) return REST;
    const known = stages.get(id);
    if (known !== undefined) return known;
    const frame = frames.get(id);
    const own = rules.find(([, ...patterns]) => patterns.some((pattern) => frame !== undefined && matches(frame, pattern)));
    const stage = own?.[0] ?? stageOf(parents.get(id));
    stages.set(id, stage);
    return stage;
  };
  const times = new Map<string, number>();
  let total = 0;
  for (const [i, id] of samples.entries()) {
    if (frames.get(id)?.functionName === '(idle)') continue;
    const us = timeDeltas[i] ?? 0;
    const stage = stageOf(id);
    times.set(stage, (times.get(stage) ?? 0) + us);
    total += us;
  }
  return [...times].map(([stage, us]): [string, number] => [stage, us / total]).sort(([, a], [, b]) => b - a);
}

function matches({ functionName, url }: { functionName: string; url: string }, pattern: string): boolean {
  const [name, part] = pattern.includes('@') ? pattern.split('@') : ['', pattern];
  return (name === '' || functionName === name) && url.includes(part ?? '');
}
