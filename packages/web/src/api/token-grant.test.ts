import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantsModerate } from './token-grant.ts';

const jwt = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sign`;

test('a token that may moderate any stream shows the moderator pages', () => {
  assert.equal(grantsModerate(jwt({ grants: { moderate: ['hoshi'] } })), true);
  assert.equal(grantsModerate(jwt({ grants: { moderate: ['*'], watch: ['疾風'] } })), true);
  for (const other of [jwt({ grants: { watch: ['*'] } }), jwt({ grants: { moderate: [] } }), jwt({}), jwt(null), 'no token', ''])
    assert.equal(grantsModerate(other), false, other);
});
