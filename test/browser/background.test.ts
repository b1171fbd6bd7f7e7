// A viewer's page that the user has put into the background, in a real browser that throttles its
// timers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PATHS } from '@hayate/protocol';
import { ensurePages } from '../../scripts/pages.mjs';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { connectPeer, FrameSource } from '../support/wire-peer.ts';
import { openHideablePage } from './hidden-page.ts';

test('a page in the background keeps its connection while it waits for a broadcast and while one is silent', async (t) => {
  const chromium = requireTool(t, 'chromium');
  if (chromium === undefined) return;
  await ensurePages(process.execPath);
  const server = await startTestServer(t, ['--roles', 'streamer,listener,api', '--idle-timeout-ms', '2s', '--receipt-timeout-ms', '2s']);
  const metric = (name: string) => server.metric(name, { endpoint: 'watch' });
  const untilPinged = async (times: number) => {
    const before = await metric('hayate_connection_pings_total');
    await poll(`${times} more pings`, async () => (await metric('hayate_connection_pings_total')) >= before + times, { timeoutMs: 60_000 });
    assert.equal(await metric('hayate_connections'), 1);
    assert.equal(await metric('hayate_connection_closes_total'), 0);
  };

  const page = await openHideablePage(t, chromium, `${server.url}/watch/quiet`);
  await poll('the page to connect', async () => (await metric('hayate_connections')) === 1, { timeoutMs: 60_000 });
  await page.hide();
  // Without answers the third ping would be the last.
  await untilPinged(9);

  const broadcaster = await connectPeer(t, server.url, PATHS.publish);
  broadcaster.send({ publish: { stream: 'quiet', token: await server.token({ publish: ['*'] }) } });
  const { epoch } = await broadcaster.until('Published', ({ published }) => published);
  const source = new FrameSource('quiet', epoch);
  broadcaster.send({ frames: [source.header('Quiet'), source.key()] });
  await poll('the page to get frames', async () => (await server.metric('hayate_listener_viewer_frames_sent_total')) >= 2);
  for (let packet = 0; packet < 3; packet++) broadcaster.send({ frames: [source.audio()] });
  await poll('a question for its receipt', async () => (await server.metric('hayate_receipts_asked_for_total')) >= 1);
  // If the page owed a receipt, the connection would have ended within one receipt timeout. These
  // pings take longer.
  await untilPinged(9);
});
