import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { tokenExpiresUnixMs } from './token.ts';

test('reads the expiry of a token, and accepts any text', () => {
  const jwt = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;
  assert.equal(tokenExpiresUnixMs(jwt({ exp: 1_800_000_000, name: 'ひかり' })), 1_800_000_000_000);
  assert.equal(tokenExpiresUnixMs(jwt({})), undefined);
  assert.equal(tokenExpiresUnixMs(jwt(null)), undefined);
  fc.assert(fc.property(fc.string(), (text) => tokenExpiresUnixMs(`${text}.${text}`) === undefined));
});

test('reads base64url text with its two own characters, and ignores an expiry that is not a number', () => {
  const jwt = (payload: string) => `e30.${payload}.sig`;
  const withMarks = Buffer.from('{"exp":1,"a":"\u00fb\u00ff~~~???"}').toString('base64url');
  assert.match(withMarks, /[-_]/);
  assert.equal(tokenExpiresUnixMs(jwt(withMarks)), 1_000);
  assert.equal(tokenExpiresUnixMs(jwt(Buffer.from('{"exp":"1"}').toString('base64url'))), undefined);
  assert.equal(tokenExpiresUnixMs('opaque'), undefined);
});
