// Records spec/vectors/transcripts: the SDK plays each situation, with Node's WebSocket, against a
// real server process. Run it as a program to record them again; then only times, epochs and
// tickets should differ.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Broadcaster, createPose, Viewer } from '@hayate/client';
import { cleanUp, type TestScope } from '../support/clean-up.ts';
import { type ServerProcess, startHayateServer } from '../support/hayate.ts';
import { poll } from '../support/poll.ts';
import { root } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';
import { type Transcript, type TranscriptEvent, TranscriptRecorder } from './transcript.ts';

/** Folder of the transcripts. */
const TRANSCRIPTS = join(root, 'spec/vectors/transcripts');
/** The stream of all transcripts. */
export const STREAM = 'studio-7';

/** Every transcript as it is stored. */
export const storedTranscripts = (): Transcript[] =>
  readdirSync(TRANSCRIPTS)
    .sort()
    .map((name): Transcript => JSON.parse(readFileSync(join(TRANSCRIPTS, name), 'utf8')));

/**
 * A server process that can be killed, restarted at the same place, and prevented from writing
 * files.
 */
export class TranscriptServer {
  readonly #scope: TestScope;
  readonly #data: string;
  readonly #flags: readonly string[];
  #running: ServerProcess | undefined;

  constructor(scope: TestScope, flags: readonly string[]) {
    this.#scope = scope;
    this.#flags = flags;
    this.#data = join(tempDir(scope), 'data');
  }

  get port(): number {
    return this.#process.port;
  }

  get url(): string {
    return this.#process.url;
  }

  /** Starts a new process, also after a kill, on the same port. */
  async start(): Promise<void> {
    this.#running = await startHayateServer(this.#scope, { data: this.#data, port: this.#running?.port ?? 0, flags: this.#flags });
  }

  /** Makes an event happen. */
  async act(what: TranscriptEvent): Promise<void> {
    const { process, metric } = this.#process;
    // The maximum size of a file that the process may write. With 0 every write to the log fails,
    // as on a full disk.
    const limitFiles = (size: string) => execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${size}:unlimited`]);
    if (what === 'server started') await this.start();
    else if (what === 'log fails') limitFiles('0');
    else if (what === 'log works') {
      await poll('an append that was refused', async () => (await metric('hayate_streamer_append_refusals_total')) > 0);
      limitFiles('unlimited');
    } else {
      process.kill('SIGKILL');
      await process.exit;
    }
  }

  async token(grants: { publish?: string[]; watch?: string[] }): Promise<string> {
    const headers = { 'Content-Type': 'application/json' };
    const response = await fetch(`${this.url}/dev/token`, { method: 'POST', headers, body: JSON.stringify({ grants }) });
    return ((await response.json()) as { token: string }).token;
  }

  get #process(): ServerProcess {
    if (this.#running === undefined) throw new Error('the server was not started');
    return this.#running;
  }
}

/** The clients and servers that a scenario uses. */
interface Stage {
  readonly server: TranscriptServer;
  broadcaster(): Promise<Broadcaster>;
  /** A viewer, and the sequences that it got. */
  viewer(url?: string): Promise<{ viewer: Viewer; seen: Set<number>; ends: string[] }>;
  act(what: TranscriptEvent): Promise<void>;
  /** A relay in front of the server whose connections can be cut. */
  relay(): Promise<{ url: string; cut: () => void }>;
}

interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly flags?: readonly string[];
  readonly play: (stage: Stage) => Promise<void>;
}

const PACKET_MS = 20;

/** Sends `count` packets of 20 ms, one every 20 ms, starting with packet `from`. */
async function speak(broadcaster: Broadcaster, from: number, count: number): Promise<void> {
  for (let i = from; i < from + count; i++) {
    broadcaster.sendAudio({ packets: [Uint8Array.of(0xf8, i & 255)], position: i * PACKET_MS * 48, level: 30 });
    await wait(PACKET_MS);
  }
}

const acknowledged = (broadcaster: Broadcaster): Promise<unknown> =>
  poll('acknowledgement', () => broadcaster.stats.unacknowledgedFrames === 0);

const scenarios: readonly Scenario[] = [
  {
    name: 'join',
    about: 'A viewer waits for the broadcast to begin, and gets it from its first frame on.',
    play: async (stage) => {
      const { seen } = await stage.viewer();
      const broadcaster = await stage.broadcaster();
      await speak(broadcaster, 0, 10);
      await poll('the frames', () => seen.size >= 11);
      await acknowledged(broadcaster);
    },
  },
  {
    name: 'late-join',
    about: 'A viewer joins later: it gets the header and the current group first, then what is live.',
    play: async (stage) => {
      const broadcaster = await stage.broadcaster();
      const pose = createPose();
      for (let i = 0; i < 4; i++) {
        pose.hips[1] = i / 10;
        broadcaster.sendMotion(pose);
        await speak(broadcaster, i * 3, 3);
      }
      await acknowledged(broadcaster);
      const { seen } = await stage.viewer();
      await speak(broadcaster, 12, 5);
      await poll('the last frame', () => seen.has(21));
      await acknowledged(broadcaster);
    },
  },
  {
    name: 'return',
    about: 'A viewer loses its connection, returns with its epoch and its next sequence, and misses nothing.',
    play: async (stage) => {
      const relay = await stage.relay();
      const broadcaster = await stage.broadcaster();
      const { seen } = await stage.viewer(relay.url);
      await speak(broadcaster, 0, 5);
      await poll('the frames', () => seen.has(5));
      relay.cut();
      await speak(broadcaster, 5, 5);
      await poll('the missed frames', () => seen.has(10));
      await speak(broadcaster, 10, 3);
      await poll('the last frame', () => seen.has(13));
      await acknowledged(broadcaster);
    },
  },
  {
    name: 'resume-after-crash',
    about: 'The server is killed (SIGKILL) with frames that it had not acknowledged. The broadcaster resumes with its ticket.',
    play: async (stage) => {
      const broadcaster = await stage.broadcaster();
      await speak(broadcaster, 0, 5);
      await acknowledged(broadcaster);
      await speak(broadcaster, 5, 4);
      await stage.act('server killed');
      await speak(broadcaster, 9, 4);
      await stage.act('server started');
      await acknowledged(broadcaster);
      await broadcaster.end();
    },
  },
  {
    name: 'resend',
    about: 'The log refuses to store frames for a while. Viewers get them; the server asks for them again when it can store them.',
    flags: ['--append-retry-ms', '100ms'],
    play: async (stage) => {
      const broadcaster = await stage.broadcaster();
      const { seen } = await stage.viewer();
      await speak(broadcaster, 0, 5);
      await acknowledged(broadcaster);
      await stage.act('log fails');
      await speak(broadcaster, 5, 15);
      await poll('the frames', () => seen.has(20));
      await stage.act('log works');
      await acknowledged(broadcaster);
    },
  },
  {
    name: 'end',
    about: 'The broadcaster ends the broadcast. Both sides get Ended and are closed with 1000, or close themselves.',
    play: async (stage) => {
      const broadcaster = await stage.broadcaster();
      const { seen, ends } = await stage.viewer();
      await speak(broadcaster, 0, 5);
      await poll('the frames', () => seen.has(5));
      await broadcaster.end();
      await poll('Ended', () => ends.length > 0);
    },
  },
  {
    name: 'supersede',
    about: 'A second broadcaster begins a new epoch of the stream. The first is closed with SUPERSEDED; the viewer gets the new epoch.',
    play: async (stage) => {
      const first = await stage.broadcaster();
      const { ends, seen } = await stage.viewer();
      await speak(first, 0, 5);
      await poll('the frames', () => seen.has(5));
      await acknowledged(first);
      seen.clear();
      const second = await stage.broadcaster();
      await poll('the end of the first epoch', () => ends.length > 0);
      await speak(second, 0, 5);
      await poll('frames of the second', () => seen.has(5));
      await acknowledged(second);
    },
  },
];

/** Plays one situation and returns its recording. */
async function record(scope: TestScope, { name, about, flags = [], play }: Scenario): Promise<Transcript> {
  const server = new TranscriptServer(scope, flags);
  await server.start();
  const recorder = new TranscriptRecorder();
  const clients: (Broadcaster | Viewer)[] = [];
  const options = { stream: STREAM, random: () => 0, WebSocket: recorder.WebSocket };
  const stage: Stage = {
    server,
    broadcaster: async () => {
      const token = await server.token({ publish: [STREAM] });
      const broadcaster = new Broadcaster({
        ...options,
        server: server.url,
        token,
        title: 'Transcript',
        audio: { preSkip: 312, channels: 1, inputSampleRate: 48_000 },
      });
      clients.push(broadcaster);
      await broadcaster.start();
      return broadcaster;
    },
    viewer: async (url = server.url) => {
      const viewer = new Viewer({ ...options, server: url, token: await server.token({ watch: [STREAM] }) });
      clients.push(viewer);
      const seen = new Set<number>();
      const ends: string[] = [];
      for (const kind of ['header', 'audio', 'motion', 'event'] as const) viewer.on(kind, ({ sequence }) => seen.add(sequence));
      viewer.on('ended', ({ reason }) => ends.push(reason));
      await viewer.connect();
      return { viewer, seen, ends };
    },
    act: async (what) => {
      if (what !== 'server started') recorder.note(what);
      await server.act(what);
      if (what === 'server started') recorder.note(what);
    },
    relay: () => openRelay(scope, server.port),
  };
  await play(stage);
  for (const client of clients) client.close();
  await poll('the connections to end', () => recorder.open === 0);
  return recorder.transcript(name, about, flags);
}

async function openRelay(scope: TestScope, port: number): Promise<{ url: string; cut: () => void }> {
  const sockets = new Set<Socket>();
  const relay = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  const cut = (): void => sockets.forEach((socket) => void socket.destroy());
  cleanUp(scope, () => {
    cut();
    relay.close();
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const address = relay.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return { url: `http://127.0.0.1:${address.port}`, cut };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2);
  mkdirSync(TRANSCRIPTS, { recursive: true });
  if (wanted.length === 0) for (const name of readdirSync(TRANSCRIPTS)) rmSync(join(TRANSCRIPTS, name));
  for (const scenario of scenarios) {
    if (wanted.length > 0 && !wanted.includes(scenario.name)) continue;
    const actions: (() => void | Promise<void>)[] = [];
    try {
      const transcript = await record({ after: (action) => void actions.push(action) }, scenario);
      writeFileSync(join(TRANSCRIPTS, `${scenario.name}.json`), `${JSON.stringify(transcript, undefined, 1)}\n`);
      const said = transcript.connections.map(
        ({ endpoint, messages, close }) => `${endpoint} ${messages.length} messages, ${close.by} ${close.code}`,
      );
      console.log(`${scenario.name}: ${said.join('; ')}`);
    } finally {
      for (const action of actions) await action();
    }
  }
}
