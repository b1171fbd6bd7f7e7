// A Japanese user goes live: an input method composes title and name, and the title is the same in
// the listing, at a viewer, in the archive and in the replay.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CDPSession, Page } from 'playwright-core';
import { isStreamName } from '../../packages/protocol/src/index.ts';
import { listBroadcasts } from '../../packages/server/src/archive/read/catalog.ts';
import { openFsStore } from '../../packages/server/src/store/fs/open.ts';
import type { StudioDebug } from '../../packages/web/src/debug.ts';
import { poll } from '../support/poll.ts';
import { requireTool } from '../support/require-tool.ts';
import { startTestServer } from '../support/server.ts';
import { launchBrowser } from './browser.ts';

const WAIT = { timeoutMs: 60_000 };
const family = '👨‍👩‍👧‍👦';

async function setUp(t: TestContext, flags: readonly string[] = []) {
  const executablePath = requireTool(t, 'chromium');
  if (executablePath === undefined) return undefined;
  const server = await startTestServer(t, flags);
  const browser = await launchBrowser(t, { executablePath, url: server.url, autoplay: 'allowed' });
  const studio = await browser.open('/studio?debug&quality=low');
  const ime = await studio.context().newCDPSession(studio);
  return { server, browser, studio, ime };
}

/** Types `reading` letter by letter in an input method, without committing it. */
async function compose(ime: CDPSession, reading: string): Promise<void> {
  for (let length = 1; length <= reading.length; length++)
    await ime.send('Input.imeSetComposition', { text: reading.slice(0, length), selectionStart: length, selectionEnd: length });
}

/** Enter as browsers report it while an input method has it: the key belongs to the method. */
async function pressEnterInIme(ime: CDPSession): Promise<void> {
  const key = { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229, nativeVirtualKeyCode: 229 };
  await ime.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', ...key });
  await ime.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key });
}

const hintOf = (studio: Page) => studio.locator('#stream-hint').innerText();
const epochOf = (studio: Page) => studio.evaluate(() => (window.hayate as StudioDebug | undefined)?.epoch() || undefined);

test('text that an input method composes is not checked, rewritten or submitted before it is committed', async (t) => {
  const scene = await setUp(t);
  if (scene === undefined) return;
  const { studio, ime } = scene;
  const name = studio.getByLabel('Stream name');
  await name.fill('');
  await poll('the empty name to be answered', async () => /Choose a stream name/.test(await hintOf(studio)), WAIT);
  assert.ok(isStreamName(((await studio.locator('.proposal').innerText()) ?? '').replace(/^Use /, '')));

  await name.focus();
  await compose(ime, 'ほし');
  assert.equal(await name.inputValue(), 'ほし');
  assert.doesNotMatch(await hintOf(studio), /has only/);
  assert.equal(await name.getAttribute('aria-invalid'), 'false');
  await pressEnterInIme(ime);
  assert.equal(await epochOf(studio), undefined);
  await ime.send('Input.insertText', { text: '星' });
  await poll('the name to be judged', async () => /has only A–Z, a–z, 0–9, _ and -/.test(await hintOf(studio)), WAIT);
  assert.equal(await name.inputValue(), '星');
  // Enter now submits, but this name is refused.
  await name.press('Enter');
  assert.equal(await epochOf(studio), undefined);

  await name.fill('');
  await compose(ime, 'ｈｏｓｈｉ');
  assert.equal(await name.inputValue(), 'ｈｏｓｈｉ');
  await ime.send('Input.insertText', { text: 'ｈｏｓｈｉ' });
  await poll('full-width letters to be folded', async () => (await name.inputValue()) === 'hoshi', WAIT);

  await name.fill('星 Radio!');
  await studio.getByRole('button', { name: 'Use Radio' }).click();
  assert.equal(await name.inputValue(), 'Radio');
  assert.match(await hintOf(studio), /Radio and radio are two streams/);

  // A title that is too long loses nothing, is counted in characters as people see them, and is not
  // sent.
  await studio.getByLabel('Title').fill('あ'.repeat(195) + family + family);
  await poll(
    'the hint about excess characters',
    async () => /^2 characters too many/.test(await studio.locator('#title-hint').innerText()),
    WAIT,
  );
  await studio.getByRole('button', { name: 'Go live' }).click();
  assert.equal(await epochOf(studio), undefined);
  assert.ok(await studio.getByLabel('Title').evaluate((input) => input === document.activeElement));
  await studio.getByLabel('Title').fill(`Évening ${family}`);
  await studio.getByRole('button', { name: 'Use evening' }).click();
  assert.equal(await name.inputValue(), 'evening');
});

test('a title composed in the studio is shown unchanged live, in lists, in the archive and in replays', async (t) => {
  const scene = await setUp(t, ['--archive-window-ms', '500ms']);
  if (scene === undefined) return;
  const { server, browser, studio, ime } = scene;
  const title = `夜のラジオ ${family}🇯🇵 مرحبا`;
  await studio.getByLabel('Stream name').fill('yoru');
  await studio.getByLabel('Title').focus();
  await compose(ime, 'よるのらじお');
  await pressEnterInIme(ime);
  assert.equal(await epochOf(studio), undefined, 'Enter took a candidate');
  await ime.send('Input.insertText', { text: `夜のラジオ ${family}🇯🇵 مرحبا` });
  assert.equal(await studio.getByLabel('Title').inputValue(), title);
  await studio.getByLabel('Title').press('Enter');
  const epoch = await poll('the studio to be live', () => epochOf(studio), WAIT);

  const heading = (page: Page) => page.getByRole('heading', { level: 1 });
  const showsTitle = async (page: Page) => (await heading(page).innerText()) === title;
  const viewer = await browser.open('/watch/yoru?quality=low');
  await poll('the title at the viewer', () => showsTitle(viewer), WAIT);
  assert.deepEqual([await heading(viewer).getAttribute('dir'), await heading(viewer).getAttribute('lang')], ['auto', 'ja']);
  const front = await browser.open('/?quality=low');
  await poll('the card', async () => (await front.locator('.card-title').allInnerTexts()).includes(title), WAIT);
  const answer = await fetch(`${server.url}/api/streams/yoru`, {
    headers: { Authorization: `Bearer ${await server.token({ watch: ['*'] })}` },
  });
  assert.equal(((await answer.json()) as { title: string }).title, title);
  for (const page of [viewer, front]) await page.close();

  // While it is live, another studio is told so and offered another name.
  const other = await browser.open('/studio?quality=low');
  await other.getByLabel('Stream name').fill('yoru');
  await poll('the warning', async () => /^yoru is live now/.test(await hintOf(other)), WAIT);
  assert.equal(await other.locator('.proposal').innerText(), 'Use yoru-2');
  await other.close();

  await studio.getByRole('button', { name: /^End/ }).click();
  const store = await openFsStore({ directory: `${server.dataDirectory}/archive` });
  const archived = await poll(
    'the voice to be archived',
    async () => {
      for await (const { audioSegments } of listBroadcasts(store, { stream: 'yoru' })) return audioSegments.at(-1)?.title;
      return undefined;
    },
    WAIT,
  );
  assert.equal(archived, title);
  const past = await browser.open('/past?quality=low');
  await poll('the list of past broadcasts', async () => (await past.locator('.past-title').allInnerTexts()).includes(title), WAIT);
  await past.close();
  const replay = await browser.open(`/past/yoru/${epoch}?quality=low`);
  await poll('the title of the replay', () => showsTitle(replay), WAIT);
});

test('a path with an invalid stream name says so and suggests a valid one', async (t) => {
  const scene = await setUp(t);
  if (scene === undefined) return;
  const page = await scene.browser.open(`/watch/${encodeURIComponent('星 hoshi')}`);
  await poll('the sentence about the invalid name', async () => (await page.locator('.missing').count()) > 0, WAIT);
  assert.match(await page.locator('.missing').innerText(), /“星 hoshi” is not a valid stream name\./);
  await page.getByRole('link', { name: 'Go to hoshi' }).click();
  await poll('the page of hoshi', async () => new URL(page.url()).pathname === '/watch/hoshi', WAIT);
});
