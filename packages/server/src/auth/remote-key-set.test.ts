// A real issuer with every kind of trouble, while tokens of its known keys are verified. The test
// advances the time.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { type Issuer, issuerKey, json, startIssuer, text } from '../../../../test/support/issuer.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { poll } from '../../../../test/support/poll.ts';
import { createContext } from '../kernel/context.ts';
import type { FetchOutcome } from './fetch-key-set.ts';
import { RemoteKeySet, type RemoteKeySetOptions } from './remote-key-set.ts';
import { createVerifyToken } from './verify-token.ts';

const REFRESH_MS = 600_000;
const TIMEOUT_MS = 5_000;
const REFUSED = 'a connection that is refused';
const [known, added, other, unnamed, unnamedToo] = await Promise.all([
  issuerKey('known'),
  issuerKey('added'),
  issuerKey('known'),
  issuerKey(null),
  issuerKey(null),
]);
const unauthorized = { code: 'UNAUTHORIZED', closeCode: 'UNAUTHORIZED', temporary: false };
const undecided = { code: 'UNREACHABLE', closeCode: 'ISSUER_UNAVAILABLE', temporary: true };

/** A verifier over `url` that has started; `lines` is its log. */
function watchKeys(t: TestContext, url: string, options: Partial<RemoteKeySetOptions> = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const context = { ...createContext({ clock }), logger };
  const keys = new RemoteKeySet(
    { url: new URL(url), refreshMs: REFRESH_MS, timeoutMs: TIMEOUT_MS, fetchesPerMinute: 10, ...options },
    context,
  );
  t.after(() => keys.close());
  keys.start();
  const verify = createVerifyToken(keys, 'hayate');
  const metric = async (series: string) => {
    const line = (await context.registry.metrics()).split('\n').find((one) => one.startsWith(`${series} `));
    assert.ok(line, `there is no ${series}`);
    return Number(line.slice(series.length + 1));
  };
  const fetches = (outcome: FetchOutcome) => metric(`hayate_jwks_fetches_total{outcome="${outcome}"}`);
  /** Makes the next background fetch due; resolves when it has ended with `outcome`. */
  const refresh = async (outcome: FetchOutcome) => {
    const before = await fetches(outcome);
    clock.next();
    await poll(`a fetch to end with ${outcome}`, async () => (await fetches(outcome)) > before);
  };
  return { keys, clock, lines, verify, metric, fetches, refresh };
}

interface Trouble {
  outcome: FetchOutcome;
  begin: (issuer: Issuer) => void | Promise<void>;
}
const answers = (outcome: FetchOutcome, answer: Issuer['answer']): Trouble => ({
  outcome,
  begin: (issuer) => {
    issuer.answer = answer;
  },
});
const redirects = (location: string | undefined): Trouble =>
  answers(location === undefined ? 'http_status' : 'redirect', text(302, '', location === undefined ? {} : { Location: location }));

const troubles: Record<string, Trouble> = {
  ...Object.fromEntries(
    [400, 401, 403, 404, 429, 500, 502, 503].map((status) => [`HTTP ${status}`, answers('http_status', text(status, '{"keys":[]}'))]),
  ),
  'HTTP 503 with a page': answers('http_status', text(503, '<html>down for maintenance</html>')),
  'HTTP 304 for no reason': answers('http_status', text(304, '')),
  'a page with status 200': answers('not_json', text(200, '<!doctype html><title>Welcome</title>', { 'Content-Type': 'text/html' })),
  'an empty body': answers('not_json', text(200, '')),
  'HTTP 204': answers('not_json', text(204, '')),
  'JSON that ends early': answers('not_json', text(200, JSON.stringify({ keys: [added.jwk] }).slice(0, -3))),
  'UTF-16': answers('not_json', (_, response) => void response.end(Buffer.from(JSON.stringify({ keys: [added.jwk] }), 'utf16le'))),
  'very deep JSON': answers('not_json', text(200, '['.repeat(900_000))),
  'JSON that is not a key set': answers('not_key_set', json({ error: 'temporarily_unavailable' })),
  'a list of keys without an object': answers('not_key_set', json([added.jwk])),
  'a single key': answers('not_key_set', json(added.jwk)),
  null: answers('not_key_set', json(null)),
  'keys that are not a list': answers('not_key_set', json({ keys: { added: added.jwk } })),
  'an empty key set': answers('no_usable_key', json({ keys: [] })),
  'a set of keys for encryption': answers('no_usable_key', json({ keys: [{ ...added.jwk, use: 'enc' }] })),
  [REFUSED]: { outcome: 'unreachable', begin: (issuer) => issuer.refuse() },
  'a connection that is closed at once': answers('unreachable', (request) => void request.socket.destroy()),
  'an answer that is not HTTP': answers('unreachable', (request) => void request.socket.end('SSH-2.0-OpenSSH_9.2\r\n')),
  'no answer': answers('timeout', () => undefined),
  'a body that never comes': answers('timeout', (_, response) => void response.writeHead(200).flushHeaders()),
  'a body that drips': answers('timeout', (_, response) => {
    const drip = setInterval(() => response.write(' '), 10);
    response.on('close', () => clearInterval(drip));
  }),
  'a body that is cut off': answers('interrupted', (request, response) => {
    response.writeHead(200, { 'Content-Length': '1000' });
    response.write('{"keys":[', () => request.socket.destroy());
  }),
  'a chunked body that is cut off': answers('interrupted', (request, response) => {
    response.write('{"keys":[', () => request.socket.destroy());
  }),
  'a body without end': answers('too_large', (_, response) => {
    const more = () => {
      if (!response.destroyed) response.write(' '.repeat(64 * 1024), () => setImmediate(more));
    };
    more();
  }),
  'a small body that unpacks to a huge one': answers(
    'too_large',
    (_, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(Buffer.alloc(2 * 2 ** 20, ' '))),
  ),
  'a body that cannot be unpacked': answers(
    'interrupted',
    (_, response) => void response.writeHead(200, { 'Content-Encoding': 'gzip' }).end('{"keys":[]}'),
  ),
  'a redirect to itself': redirects('/keys.json'),
  'a redirect to another scheme': redirects('ftp://127.0.0.1/keys.json'),
  'a redirect to nowhere': redirects('http://'),
  'a redirect without an address': redirects(undefined),
};
for (const [what, { outcome, begin }] of Object.entries(troubles)) {
  test(`while its issuer answers with ${what}, known keys stay in use and tokens that need newer keys are undecided`, async (t) => {
    const issuer = await startIssuer(t);
    issuer.serve(known);
    const { verify, clock, fetches, metric, lines, keys } = watchKeys(t, issuer.url);
    /** Does something that starts a fetch, and lets a fetch that hangs time out. */
    const fetching = async <T>(act: () => T): Promise<T> => {
      const asked = issuer.requests.length;
      const result = act();
      if (outcome === 'timeout') {
        await poll('the request', () => issuer.requests.length > asked);
        clock.advance(TIMEOUT_MS);
      }
      return result;
    };
    const token = await known.sign();
    assert.equal((await verify(token)).subject, 'ann');

    await begin(issuer);
    await fetching(() => clock.next());
    await poll(`a fetch to end with ${outcome}`, async () => (await fetches(outcome)) === 1);
    assert.equal((await verify(token)).subject, 'ann');
    assert.equal(keys.unready(), undefined);
    assert.equal(await fetches(outcome), 1, 'a known key needs no fetch');
    assert.ok((await metric('hayate_jwks_age_seconds')) >= (0.9 * REFRESH_MS) / 1000);

    const newer = await added.sign();
    await assert.rejects(
      fetching(() => verify(newer)),
      undecided,
    );
    assert.equal(await fetches(outcome), 2, 'the unknown key was asked for at once');
    assert.equal(await metric('hayate_tokens_undecided_total{reason="fetch_failed"}'), 1);
    const forged = await other.sign();
    await assert.rejects(
      fetching(() => verify(forged)),
      unauthorized,
      'a known key has not signed it: no newer one is needed',
    );
    await assert.rejects(verify(await added.sign({ exp: 1_000 })), unauthorized, 'it has expired');
    assert.ok(lines.some((line) => line.includes('jwks_fetch_failed') && line.includes(outcome)));

    if (what === REFUSED) await issuer.listen();
    issuer.serve(added);
    assert.equal((await verify(newer)).subject, 'ann', 'it recovers without another request');
    await assert.rejects(verify(token), unauthorized, 'the key was removed');
    assert.ok(!lines.join('').includes(token) && !lines.join('').includes(newer));
  });
}

test('before the first keys tokens are undecided, readiness says why, and the first good answer ends that', async (t) => {
  const issuer = await startIssuer(t);
  issuer.answer = text(503, '');
  const { verify, keys, clock, fetches, metric } = watchKeys(t, issuer.url);
  const token = await known.sign();
  await assert.rejects(verify(token), undecided);
  await assert.rejects(verify(await known.sign({ exp: 1_000 })), unauthorized);
  assert.match(keys.unready() ?? '', /could not be fetched yet: it answered HTTP 503/);
  assert.ok(Number.isNaN(await metric('hayate_jwks_age_seconds')));
  issuer.serve(known);
  const before = await fetches('ok');
  clock.next();
  await poll('another fetch in the background', async () => (await fetches('ok')) > before);
  assert.equal(keys.unready(), undefined);
  assert.equal((await verify(token)).subject, 'ann');
});

const unreachable: Record<string, (t: TestContext) => Promise<{ url: string; outcome: FetchOutcome }>> = {
  'cannot be looked up': async () => ({ url: 'https://issuer.invalid/keys.json', outcome: 'unreachable' }),
  'has an untrusted certificate': async (t) => {
    const issuer = await startIssuer(t, { tls: true });
    issuer.serve(known);
    return { url: issuer.url, outcome: 'unreachable' };
  },
  'speaks no TLS': async (t) => ({ url: (await startIssuer(t)).url.replace('http:', 'https:'), outcome: 'unreachable' }),
};
for (const [what, prepare] of Object.entries(unreachable)) {
  test(`an issuer that ${what} leaves tokens undecided`, async (t) => {
    const { url, outcome } = await prepare(t);
    const { verify, fetches, lines } = watchKeys(t, url);
    await assert.rejects(verify(await known.sign()), undecided);
    assert.ok((await fetches(outcome)) > 0);
    assert.match(lines.join(''), /it cannot be reached \([A-Z_]+\)/);
  });
}

test('a key that is new since the last fetch is accepted at once, and a removed one is refused after the next fetch', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known);
  const { verify, refresh } = watchKeys(t, issuer.url);
  const [old, newer] = [await known.sign(), await added.sign()];
  await verify(old);
  await assert.rejects(verify(newer), unauthorized, 'a fresh fetch did not contain it');
  issuer.serve(known, added);
  await verify(newer);
  issuer.serve(added);
  await verify(old);
  await refresh('ok');
  await assert.rejects(verify(old), unauthorized);
  await verify(newer);
});

test('a key that replaces another under the same kid, or without one, is accepted at once', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known, unnamed);
  const { verify } = watchKeys(t, issuer.url);
  await verify(await known.sign());
  await verify(await unnamed.sign());
  issuer.serve(other, unnamedToo);
  await verify(await other.sign());
  await verify(await unnamedToo.sign());
  await assert.rejects(verify(await known.sign()), unauthorized);
  await assert.rejects(verify(await unnamed.sign()), unauthorized);
});

test('a token without a kid that no known key has signed is undecided while newer keys cannot be fetched', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known, unnamed);
  const { verify } = watchKeys(t, issuer.url);
  await verify(await unnamed.sign());
  await issuer.refuse();
  await verify(await known.sign({}, { kid: null }));
  await assert.rejects(verify(await unnamedToo.sign()), undecided);
});

test('tokens with made-up kids cause a limited number of fetches, and are undecided beyond it; later they cause fetches again', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known);
  const { verify, clock, metric } = watchKeys(t, issuer.url, { fetchesPerMinute: 5 });
  await verify(await known.sign());
  const before = issuer.requests.length;
  const errors: unknown[] = [];
  for (let i = 0; i < 50; i++) {
    const token = await added.sign({}, { kid: `made-up-${i}` });
    await verify(token).catch((error: unknown) => errors.push(error));
  }
  assert.equal(issuer.requests.length - before, 5);
  const codes = errors.map((error) => (error as { code: string }).code);
  assert.deepEqual(
    [codes.filter((code) => code === 'UNAUTHORIZED').length, codes.filter((code) => code === 'UNREACHABLE').length],
    [5, 45],
  );
  assert.equal((errors.at(-1) as { retryAfterMs: number }).retryAfterMs, 12_000);
  assert.equal(await metric('hayate_tokens_undecided_total{reason="fetch_limit"}'), 45);
  await verify(await known.sign());
  issuer.serve(known, added);
  await assert.rejects(verify(await added.sign()), undecided);
  clock.advance(12_000);
  await verify(await added.sign());
});

test('all waiting tokens share one fetch, and a fetch that began before a token arrived does not decide about it', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known);
  const { verify, clock } = watchKeys(t, issuer.url);
  await verify(await known.sign());
  const before = issuer.requests.length;
  // The answer to the background fetch is held back, and its content is older than the new key.
  const held: (() => void)[] = [];
  issuer.answer = (request, response) => void held.push(() => json({ keys: [known.jwk] })(request, response));
  clock.next();
  await poll('a fetch in the background', () => held.length === 1);
  const tokens = await Promise.all(Array.from({ length: 20 }, () => added.sign()));
  const waiting = tokens.map((token) => verify(token));
  issuer.serve(known, added);
  held[0]?.();
  for (const { subject } of await Promise.all(waiting)) assert.equal(subject, 'ann');
  assert.equal(issuer.requests.length - before, 2);
});

test('a fetch that hangs does not delay a token of a known key', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known);
  const { verify, clock, keys } = watchKeys(t, issuer.url);
  await verify(await known.sign());
  issuer.answer = () => undefined;
  const before = issuer.requests.length;
  clock.next();
  await poll('a fetch in the background', () => issuer.requests.length > before);
  const waiting = assert.rejects(verify(await added.sign()));
  for (let i = 0; i < 20; i++) await verify(await known.sign());
  keys.close();
  await waiting;
});

test('the credentials and the query of the URL are sent only to the issuer, and never logged', async (t) => {
  const [issuer, elsewhere] = [await startIssuer(t), await startIssuer(t)];
  elsewhere.serve(known);
  issuer.answer = text(302, '', { Location: `${elsewhere.url}?leak=hidden-location` });
  const url = issuer.url.replace('://', '://hidden-user:hidden%20pass@');
  const { verify, lines, keys } = watchKeys(t, `${url}?key=hidden-query`);
  await verify(await known.sign());
  await elsewhere.refuse();
  await assert.rejects(verify(await added.sign()), undecided);
  issuer.answer = text(500, 'hidden-body');
  await assert.rejects(verify(await added.sign()), (error: Error) => !error.message.includes('hidden'));
  const basic = `Basic ${Buffer.from('hidden-user:hidden pass').toString('base64')}`;
  assert.ok(issuer.requests.every(({ headers, url: asked }) => headers.authorization === basic && asked === '/keys.json?key=hidden-query'));
  assert.ok(elsewhere.requests.length > 0 && elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
  assert.ok(lines.some((line) => line.includes(issuer.url)));
  assert.doesNotMatch(lines.join('') + (keys.unready() ?? ''), /hidden|aGlkZGVu/);
});

test('an issuer that keeps failing is asked every half minute, and the log has a line as often', async (t) => {
  const issuer = await startIssuer(t);
  issuer.serve(known);
  const { verify, clock, fetches, lines } = watchKeys(t, issuer.url);
  await verify(await known.sign());
  issuer.answer = text(503, '');
  clock.next();
  const linesBefore = lines.length;
  const endMs = clock.nowMs() + 600_000;
  let count = 0;
  for (; clock.nowMs() < endMs; count++) {
    const expected = count + 1;
    await poll('the fetch', async () => (await fetches('http_status')) === expected);
    clock.next();
  }
  assert.ok(count >= 600 / 30 && count <= 600 / 27 + 6, `${count} fetches in ten minutes`);
  assert.ok(lines.length - linesBefore <= count);
  await verify(await known.sign());
});
