// In: the arguments of a `hayate` command. Out: the real program, run as a user runs it, or a
// server process on a free port.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type OggOpusPacket, OggOpusWriter, readOggOpus } from '../../packages/server/src/format/ogg/index.ts';
import type { TestScope } from './clean-up.ts';
import { type Exit, root, runProcess, startProcess, type TestProcess } from './process.ts';

const bin = 'packages/server/bin/hayate.mjs';
/** Packets of 20 ms per second. */
const PACKETS_PER_SECOND = 50;

/** Starts a command; it is ended with the test at the latest. */
export const startHayate = (t: TestScope, args: readonly string[], env: Readonly<Record<string, string>> = {}): TestProcess =>
  startProcess(t, [bin, ...args], { env });

/** Runs a command to its end. */
export const runHayate = (
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Exit & TestProcess> => runProcess(t, [bin, ...args], { env });

/** A `hayate serve` process that listens. */
export interface ServerProcess {
  readonly process: TestProcess;
  readonly url: string;
  readonly port: number;
  /** A metric, summed over the series that have `label`. */
  metric(name: string, label?: string): Promise<number>;
}

/** Options for starting a server process. */
interface ServerStart {
  /** Its --data. */
  readonly data: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Added to the command line, after a silent log. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a server process and waits until it listens. */
export const startHayateServer = async (t: TestScope, { data, port = 0, flags = [], env = {} }: ServerStart): Promise<ServerProcess> => {
  const process = startHayate(t, ['serve', '--data', data, '--port', String(port), '--log-level', 'silent', ...flags], env);
  const [, url = '', bound = ''] = await process.untilLine(/^listening on (http:\/\/\S+:(\d+))$/, { timeoutMs: 60_000 });
  const [, internal = url] = /^internal port: (\S+)$/m.exec(process.lines.join('\n')) ?? [];
  const metric = async (name: string, label = ''): Promise<number> => {
    const text = await (await fetch(`${internal}/metrics`)).text();
    const lines = text.split('\n').filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
  return { process, url, port: Number(bound), metric };
};

/** The first seconds of the demo clip: an Ogg/Opus file, and the packets in it. */
export const demoClip = (seconds: number): { bytes: Uint8Array; packets: readonly OggOpusPacket[] } => {
  const [link] = readOggOpus(readFileSync(join(root, 'packages/server/demo/hello.ogg')));
  if (link === undefined) throw new Error('the demo clip is empty');
  const packets = link.packets.slice(0, seconds * PACKETS_PER_SECOND);
  const writer = new OggOpusWriter({ ...link.head, serial: 7, tags: [['TITLE', 'A clip']] });
  for (const { data } of packets) writer.write(data);
  return { bytes: writer.end(), packets };
};
