// Settings from argv and env: kinds, precedence, refusals, secrets.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from './duration.ts';
import { HayateError } from './error.ts';
import { defineFlags, optionName, parseFlags, refuseUnknownVariables, variableName, variablesOf } from './flag.ts';

const flags = defineFlags({
  file: { kind: 'string', positional: true, required: true, help: 'what to send' },
  port: { kind: 'number', default: 8080, min: 0, max: 65_535, help: 'TCP port' },
  gain: { kind: 'number', fraction: true, help: 'loudness' },
  drainTimeoutMs: { kind: 'number', default: 5_000, unit: 'milliseconds', help: 'how long to drain' },
  demo: { kind: 'boolean', default: true, help: 'start the demo' },
  lan: { kind: 'boolean', help: 'serve the local network' },
  roles: { kind: 'list', choices: ['streamer', 'listener'], default: ['streamer', 'listener'], help: 'which roles' },
  label: { kind: 'map', help: 'labels' },
  ttl: { kind: 'duration', default: 3_600_000, min: 1_000, help: 'how long it lasts' },
  logLevel: { kind: 'string', choices: ['debug', 'info'], default: 'info', help: 'how much to say' },
  jwtSecret: { kind: 'string', secret: true, help: 'key' },
});

function refusal(argv: readonly string[], env: Record<string, string> = {}): string {
  try {
    parseFlags(flags, argv, env);
  } catch (error) {
    assert.ok(error instanceof HayateError && error.code === 'CONFIGURATION');
    assert.ok(!error.message.includes('\n'), 'one line');
    return error.message;
  }
  assert.fail('was accepted');
}

test('a flag is one name in code, on the command line and in the environment', () => {
  assert.equal(optionName('drainTimeoutMs'), 'drain-timeout-ms');
  assert.equal(variableName('drainTimeoutMs'), 'HAYATE_DRAIN_TIMEOUT_MS');
  assert.equal(variableName('drain-timeout-ms'), 'HAYATE_DRAIN_TIMEOUT_MS');
  assert.ok(variablesOf(flags).includes('HAYATE_JWT_SECRET_FILE'));
  assert.ok(!variablesOf(flags).includes('HAYATE_FILE'), 'positionals have no variable');
});

test('without arguments every flag has its default, or the empty value of its kind', () => {
  assert.deepEqual(parseFlags(flags, ['a.ogg'], {}), {
    file: 'a.ogg',
    port: 8080,
    gain: undefined,
    drainTimeoutMs: 5_000,
    demo: true,
    lan: false,
    roles: ['streamer', 'listener'],
    label: {},
    ttl: 3_600_000,
    logLevel: 'info',
    jwtSecret: undefined,
  });
});

test('the command line wins over the environment, and the environment over the default', () => {
  const env = { HAYATE_PORT: '1', HAYATE_DRAIN_TIMEOUT_MS: '2', HAYATE_DEMO: 'false', HAYATE_LOG_LEVEL: '' };
  const values = parseFlags(flags, ['--port=3', 'a.ogg', '--demo'], env);
  assert.equal(values.port, 3);
  assert.equal(values.drainTimeoutMs, 2);
  assert.equal(values.demo, true);
  assert.equal(values.logLevel, 'info', 'an empty variable counts as unset');
});

test('every kind is read from the command line', () => {
  const argv =
    '--gain -0.5 --no-demo --lan --roles streamer --roles listener,streamer --label a=1,b= --label c=x=y --ttl 1h30m -- --file'.split(' ');
  const values = parseFlags(flags, argv, {});
  assert.equal(values.gain, -0.5);
  assert.equal(values.demo, false);
  assert.equal(values.lan, true);
  assert.deepEqual(values.roles, ['streamer', 'listener', 'streamer']);
  assert.deepEqual({ ...values.label }, { a: '1', b: '', c: 'x=y' });
  assert.equal(values.ttl, 5_400_000);
  assert.equal(values.file, '--file');
});

test('a flag that is unknown, missing or out of range is refused in one line that says how to correct it', () => {
  assert.equal(refusal([]), 'FILE is missing');
  assert.equal(refusal(['a', 'b']), 'unexpected argument "b"');
  assert.equal(refusal(['a', '--prot', '1']), 'unknown option --prot; did you mean --port?');
  assert.equal(refusal(['a', '-x']), 'unknown option -x');
  assert.equal(refusal(['a', '--no-port']), 'unknown option --no-port; did you mean --port?');
  assert.equal(refusal(['a', '--port']), '--port needs a value');
  assert.equal(refusal(['a', '--port', '--lan']), '--port needs a value');
  assert.equal(refusal(['a', '--port', '65536']), '--port must be a whole number from 0 to 65535, not "65536"');
  assert.equal(refusal(['a', '--port', '1e3']), '--port must be a whole number from 0 to 65535, not "1e3"');
  assert.equal(refusal(['a'], { HAYATE_PORT: '1.5' }), 'HAYATE_PORT must be a whole number from 0 to 65535, not "1.5"');
  assert.equal(refusal(['a', '--lan=yes']), '--lan must be true or false, not "yes"');
  assert.equal(refusal(['a', '--ttl', '10ms']), '--ttl must be a duration such as 90s, 15m or 1h of at least 1s, not "10ms"');
  assert.equal(refusal(['a', '--log-level', 'all']), '--log-level must be one of debug, info, not "all"');
  assert.equal(refusal(['a', '--roles', 'streamer,room']), '--roles must be of streamer, listener, not "room"');
  assert.equal(refusal(['a', '--label', '=x']), '--label must be name=value, not "=x"');
});

test('a secret may come from a file and never appears in a message', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hayate-flag-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'key');
  writeFileSync(path, 'hunter2 \n');
  assert.equal(parseFlags(flags, ['a', '--jwt-secret-file', path], {}).jwtSecret, 'hunter2 ');
  assert.equal(parseFlags(flags, ['a'], { HAYATE_JWT_SECRET_FILE: path }).jwtSecret, 'hunter2 ');
  assert.equal(parseFlags(flags, ['a', '--jwt-secret', 'x'], { HAYATE_JWT_SECRET_FILE: path }).jwtSecret, 'x');
  assert.equal(refusal(['a', '--jwt-secret', 'hunter2', '--jwt-secret-file', path]), 'give --jwt-secret or --jwt-secret-file, not both');
  assert.equal(
    refusal(['a', '--jwt-secret-file', join(folder, 'no')]),
    `--jwt-secret-file: cannot read ${join(folder, 'no')} (no such file)`,
  );
  writeFileSync(path, '\n');
  assert.equal(refusal(['a', '--jwt-secret-file', path]), '--jwt-secret-file must not be empty');
});

test('an unknown HAYATE variable is refused, with a suggestion', () => {
  refuseUnknownVariables({ HAYATE_PORT: '1', PATH: '/bin' }, [flags]);
  assert.throws(() => refuseUnknownVariables({ HAYATE_PROT: '1' }, [flags]), {
    message: 'unknown variable HAYATE_PROT; did you mean HAYATE_PORT?',
  });
  assert.throws(() => refuseUnknownVariables({ HAYATE_FILE: '1' }, [flags]), /unknown variable HAYATE_FILE/);
});

test('any number in range is read the same from the command line and from the environment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 65_535 }), fc.boolean(), (port, demo) => {
      const line = parseFlags(flags, ['a', `--port=${port}`, demo ? '--demo' : '--no-demo'], {});
      const variables = parseFlags(flags, ['a'], { HAYATE_PORT: String(port), HAYATE_DEMO: String(demo) });
      assert.deepEqual(line, variables);
      assert.equal(line.port, port);
      assert.equal(line.demo, demo);
    }),
  );
});

test('arbitrary arguments are read or refused with a configuration error, and cause no other error', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--port', '--lan', '--no-demo', '--', '-', '--label', '--ttl=1h', '__proto__', '--__proto__'),
  );
  fc.assert(
    fc.property(fc.array(word), (argv) => {
      try {
        parseFlags(flags, argv, {});
      } catch (error) {
        assert.ok(error instanceof HayateError && error.code === 'CONFIGURATION', String(error));
      }
    }),
  );
});

test('a duration whose name says milliseconds takes a plain number; other durations need a unit', () => {
  const table = defineFlags({ waitMs: { kind: 'duration', help: 'a' }, ttl: { kind: 'duration', help: 'b' } });
  assert.deepEqual(parseFlags(table, ['--wait-ms', '1500', '--ttl', '0'], {}), { waitMs: 1_500, ttl: 0 });
  assert.deepEqual(parseFlags(table, ['--wait-ms', '2s', '--ttl', '2m'], {}), { waitMs: 2_000, ttl: 120_000 });
  assert.throws(() => parseFlags(table, ['--ttl', '1500'], {}), /--ttl must be a duration such as 90s, 15m or 1h, not "1500"/);
});

test('a formatted duration is read back, and a malformed one is refused', () => {
  assert.equal(formatDuration(90_061_001), '1d1h1m1s1ms');
  for (const text of ['', '1', 'h', '1h 2m', '-1s', '1.5s']) assert.equal(parseDuration(text), undefined, text);
  fc.assert(fc.property(fc.nat(), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
});
