// Hayate in its usual deployments: behind a real nginx and behind a real HAProxy.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHaproxy } from '../support/haproxy.ts';
import { startNginx } from '../support/nginx.ts';
import { poll } from '../support/poll.ts';
import { startTestServer } from '../support/server.ts';

test('nginx configured as in its manual passes requests on', async (t) => {
  const server = await startTestServer(t);
  const nginx = await startNginx(t, { server: `location / { proxy_pass ${server.url}; }` });
  if (nginx === undefined) return;
  assert.equal(await (await fetch(`${nginx.url}/livez`)).text(), 'ok\n');
  assert.deepEqual(nginx.requests(), ['GET /livez HTTP/1.1 200 200']);
});

test('HAProxy passes requests on and finds the server up by GET /readyz', async (t) => {
  const server = await startTestServer(t);
  const haproxy = await startHaproxy(t, {
    backend: `option httpchk\nhttp-check send meth GET uri /readyz ver HTTP/1.1 hdr Host localhost\nserver one 127.0.0.1:${new URL(server.url).port} check inter 100ms`,
  });
  if (haproxy === undefined) return;
  await poll('a health check', async () => (await haproxy.server('one')).check_status === 'L7OK');
  assert.equal((await haproxy.server('one')).status, 'UP');
  assert.equal(await (await fetch(`${haproxy.url}/livez`)).text(), 'ok\n');
});
