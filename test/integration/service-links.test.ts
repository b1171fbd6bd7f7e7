// The program with the variables that Kubernetes puts into a pod whose namespace has Services
// called hayate and hayate-internal.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runHayate, startHayateServer } from '../support/hayate.ts';
import { tempDir } from '../support/temp-dir.ts';

const pod = {
  HAYATE_PORT: 'tcp://10.0.0.1:8080',
  HAYATE_SERVICE_HOST: '10.0.0.1',
  HAYATE_SERVICE_PORT: '8080',
  HAYATE_SERVICE_PORT_HTTP: '8080',
  HAYATE_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
  HAYATE_PORT_8080_TCP_PROTO: 'tcp',
  HAYATE_PORT_8080_TCP_PORT: '8080',
  HAYATE_PORT_8080_TCP_ADDR: '10.0.0.1',
  HAYATE_INTERNAL_PORT: 'tcp://[fd00::1]:9090',
  HAYATE_INTERNAL_SERVICE_HOST: 'fd00::1',
  HAYATE_INTERNAL_SERVICE_PORT: '9090',
};

test('a server and a command start with the variables of Services named hayate', async (t) => {
  const data = join(tempDir(t), 'data');
  const server = await startHayateServer(t, { data, env: pod });
  assert.match(server.process.stdout.join('\n'), /^ignored, .*HAYATE_PORT and 10 more/m);
  assert.doesNotMatch(server.process.stdout.join('\n'), /internal port:/, 'a link does not count as --internal-port');
  server.process.kill('SIGTERM');
  assert.deepEqual(await server.process.exit, { code: 0, signal: null });
  const { code, stderr } = await runHayate(t, ['archive', 'ls', '--data', data], pod);
  assert.equal(code, 0, stderr.join('\n'));
});

test("a pod's own settings count next to these variables, and mistyped ones are refused", async (t) => {
  const { code, stderr } = await runHayate(t, ['serve', '--data', tempDir(t)], { ...pod, HAYATE_PORT: '9000x' });
  assert.equal(code, 2);
  assert.match(stderr.join('\n'), /HAYATE_PORT must be a whole number .*"9000x"/);
  const mistyped = await runHayate(t, ['archive', 'ls'], { ...pod, HAYATE_PROT: '9000' });
  assert.equal(mistyped.code, 2);
  assert.match(mistyped.stderr.join('\n'), /unknown variable HAYATE_PROT; did you mean HAYATE_PORT\?/);
});
