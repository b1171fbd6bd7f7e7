// A page of another application, which the cross-origin test opens: the SDK's Replay, and fetch.
import { Replay, type ReplayState } from '@hayate/client';

/** The functions that the test calls in the page. */
export interface CrossOriginPage {
  /** Plays a broadcast as fast as it can; resolves to how it ended and the number of poses. */
  replay(options: {
    server: string;
    stream: string;
    epoch: string;
    token: string;
    durationMs: number;
  }): Promise<{ state: ReplayState; poses: number }>;
  /** The parts of an answer that a script can see, or the error's name if it sees nothing. */
  ask(url: string, init: Asked): Promise<Seen | string>;
}

/** A request, as plain data. */
export type Asked = Readonly<{ method?: string; headers?: Readonly<Record<string, string>>; body?: string; cache?: 'no-store' }>;

/** The parts of an answer that a script of another origin sees. */
interface Seen {
  status: number;
  text: string;
  headers: Record<string, string>;
}

const page: CrossOriginPage = {
  replay: (options) =>
    new Promise((resolve) => {
      const replay = new Replay(options);
      let poses = 0;
      replay.on('motion', () => poses++);
      replay.on('state', ({ state }) => {
        if (state === 'ended' || state === 'failed') resolve({ state, poses });
      });
      replay.rate = 4;
      replay.play();
    }),
  ask: async (url, init) => {
    try {
      const response = await fetch(url, init);
      return { status: response.status, text: await response.text(), headers: Object.fromEntries(response.headers) };
    } catch (error) {
      return error instanceof Error ? error.name : String(error);
    }
  },
};

Object.assign(window, { page });
