// In: the address of a page. Out: Debian's Chromium with that page in a tab that another tab hides,
// so that its timers run once a minute, as in a real background tab. It is driven by the DevTools
// protocol directly, because Playwright keeps every page visible.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { cleanUp } from '../support/clean-up.ts';
import { poll } from '../support/poll.ts';
import { startProcess } from '../support/process.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A page under test. */
interface HideablePage {
  /** The value of an expression in the page; it must be JSON. */
  evaluate(expression: string): Promise<unknown>;
  /**
   * Puts another tab in front; resolves when the page knows that it is hidden and its timers are
   * throttled.
   */
  hide(): Promise<void>;
}

/** Chromium throttles the timers of a hidden page after this many seconds; by default 300. */
const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--remote-debugging-port=0',
  '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1',
];

type Send = (method: string, params?: object, sessionId?: string) => Promise<Record<string, unknown>>;

/** Opens `url` in a new browser, which is closed when the test `t` ends. */
export async function openHideablePage(t: TestContext, executable: string, url: string): Promise<HideablePage> {
  const chromium = startProcess(t, [...FLAGS, `--user-data-dir=${join(tempDir(t), 'profile')}`, 'about:blank'], { executable });
  const [, endpoint = ''] = await chromium.untilLine(/^DevTools listening on (ws:\S+)/, { timeoutMs: 60_000 });
  const send = await connectDevTools(t, endpoint);
  const { targetId } = await send('Target.createTarget', { url });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result } = await send('Runtime.evaluate', { expression, returnByValue: true }, String(sessionId));
    return (result as { value?: unknown } | undefined)?.value;
  };
  return {
    evaluate,
    hide: async () => {
      await evaluate('globalThis.ticks = 0; setInterval(() => ticks++, 10);');
      const { targetId: front } = await send('Target.createTarget', { url: 'about:blank' });
      await send('Target.activateTarget', { targetId: front });
      await poll('the page to be hidden', async () => (await evaluate('document.visibilityState')) === 'hidden');
      // Reads a counter twice; unthrottled timers would have run many times in between.
      let before = -1;
      const looks = async () => {
        const now = Number(await evaluate('ticks'));
        const isHeld = now === before;
        before = now;
        return isHeld;
      };
      await poll('the timers of the page to be held back', looks, { pauseMsMax: 500 });
    },
  };
}

/** Sends commands to a browser and resolves to their results. */
async function connectDevTools(t: TestContext, endpoint: string): Promise<Send> {
  const socket = new WebSocket(endpoint);
  cleanUp(t, () => socket.terminate());
  const waiting = new Map<number, (result: Record<string, unknown>) => void>();
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    const { id, result = {} } = JSON.parse(data.toString()) as { id?: number; result?: Record<string, unknown> };
    if (id !== undefined) waiting.get(id)?.(result);
  });
  await poll('the browser to be connected', () => socket.readyState === WebSocket.OPEN);
  let last = 0;
  return (method, params = {}, sessionId) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      socket.send(JSON.stringify({ id: last, method, params, sessionId }));
    });
}
