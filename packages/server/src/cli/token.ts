// `hayate token`: makes a signed token from grants and a secret. The token alone goes to stdout.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { developmentSecret } from '../auth/development-secret.ts';
import { type Grants, isStreamPattern, Rights } from '../auth/grant.ts';
import { IdentityLimits } from '../auth/identity-limits.ts';
import { signToken } from '../auth/sign-token.ts';
import { HayateError } from '../kernel/error.ts';
import { defineFlags } from '../kernel/flag.ts';
import { defineCommand } from './command.ts';

/** HS256 asks for a key of at least 256 bits (RFC 7518 section 3.2). */
const SECRET_BYTES_MIN = 32;

const flags = defineFlags({
  publish: {
    kind: 'list',
    group: 'Rights',
    placeholder: 'STREAMS',
    help: 'streams that it may broadcast: names, or prefixes followed by *',
  },
  watch: { kind: 'list', group: 'Rights', placeholder: 'STREAMS', help: 'streams that it may watch' },
  room: { kind: 'list', group: 'Rights', placeholder: 'STREAMS', help: 'rooms that it may enter' },
  moderate: { kind: 'list', group: 'Rights', placeholder: 'STREAMS', help: 'streams that it may end and replay' },
  subject: { kind: 'string', default: 'hayate-cli', help: 'subject: the user or service that it identifies' },
  ttl: { kind: 'duration', default: 3_600_000, min: 1_000, help: 'how long it is valid' },
  label: { kind: 'map', help: 'label that is stored with every frame of its bearer' },
  jwtAudience: { kind: 'string', default: 'hayate', help: "its audience: the server's --jwt-audience" },
  jwtSecret: { kind: 'string', secret: true, group: 'Key', help: "the server's HS256 secret, of at least 32 bytes" },
  data: {
    kind: 'string',
    placeholder: 'DIR',
    group: 'Key',
    default: './data',
    help: 'data directory of a server in development mode, whose secret is used if none is given',
  },
});

export const token = defineCommand({
  name: 'token',
  summary: 'sign a token for broadcasters, viewers or moderators',
  flags,
  async run(args, io) {
    const grants: Grants = Object.fromEntries(
      Rights.map((right) => [right, args[right]] as const).filter(([, patterns]) => patterns.length > 0),
    );
    if (Object.keys(grants).length === 0)
      throw new HayateError('CONFIGURATION', 'give at least one right: --publish, --watch, --room or --moderate');
    for (const pattern of Object.values(grants).flat())
      if (!isStreamPattern(pattern))
        throw new HayateError('CONFIGURATION', `"${pattern}" is neither a stream name nor a prefix followed by *`);
    checkIdentity(args.subject, args.label);
    const secret = await secretOf(args);
    const { subject, label: labels, jwtAudience: audience, ttl } = args;
    const signed = await signToken({ subject, grants, labels, audience, ttlSeconds: Math.ceil(ttl / 1000) }, secret);
    io.stdout.write(`${signed.token}\n`);
    return 0;
  },
});

/**
 * Throws HayateError CONFIGURATION for an identity that no server would accept, so that no unusable
 * token is given out.
 */
function checkIdentity(subject: string, labels: Readonly<Record<string, string>>): void {
  const { subjectCharactersMax, labelNameCharactersMax, labelCharactersMax } = IdentityLimits;
  const check = (what: string, text: string, max: number) => {
    if (text.length > max)
      throw new HayateError('CONFIGURATION', `${what} has ${text.length} characters (UTF-16 code units), at most ${max} are allowed`);
  };
  check('--subject', subject, subjectCharactersMax);
  for (const [name, value] of Object.entries(labels)) {
    check('the name of a --label', name, labelNameCharactersMax);
    check(`--label ${name}`, value, labelCharactersMax);
  }
}

async function secretOf({ jwtSecret, data }: { jwtSecret: string | undefined; data: string }): Promise<Uint8Array> {
  if (jwtSecret !== undefined) {
    const secret = Buffer.from(jwtSecret, 'utf8');
    if (secret.length < SECRET_BYTES_MIN) throw new HayateError('CONFIGURATION', `the secret must have at least ${SECRET_BYTES_MIN} bytes`);
    return secret;
  }
  // Check for the secret first: signing must not create a secret that no server uses.
  await readFile(join(data, 'secret')).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT' && cause.code !== 'ENOTDIR') throw cause;
    throw new HayateError(
      'CONFIGURATION',
      `give the key with --jwt-secret-file, or give --data: there is no development secret in ${data}`,
      {
        cause,
      },
    );
  });
  return developmentSecret(data);
}
