// A page of somebody else's application, as the cross-origin test opens it: the SDK's Replay, and fetch.
import { Replay, type ReplayState } from '@hayate/client';

/** What the test does in the page. */
export interface CrossOriginPage {
  /** Plays a broadcast as quickly as it can; how it ended, and how many poses came. */
  replay(options: {
    server: string;
    stream: string;
    epoch: string;
    token: string;
    durationMs: number;
  }): Promise<{ state: ReplayState; poses: number }>;
  /** What a script gets to see of an answer; the error's name if it sees nothing. */
  ask(url: string, init: Asked): Promise<Seen | string>;
}

/** A request, as plain data. */
export type Asked = Readonly<{ method?: string; headers?: Readonly<Record<string, string>>; body?: string; cache?: 'no-store' }>;

/** An answer as a script of another origin sees it. */
export interface Seen {
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
