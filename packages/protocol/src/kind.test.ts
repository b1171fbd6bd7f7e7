import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kind, KindSchema } from './gen/hayate/v1/frame_pb.ts';
import { hasKeys, isDroppable, isKind, KIND_MAX, kindTraits } from './kind.ts';

const kinds = Array.from({ length: 2 * KIND_MAX }, (_, kind) => kind);

test('the kinds and their names are those of frame.proto, plus 64 to 127 for applications', () => {
  const named = KindSchema.values.filter(({ number }) => number !== 0);
  for (const { number, localName } of named) {
    assert.equal(kindTraits(number).name, localName);
    assert.equal(kindTraits(number).column, localName.toLowerCase());
  }
  const numbers = new Set(named.map(({ number }) => number));
  for (const kind of kinds) assert.equal(isKind(kind), numbers.has(kind) || (kind >= 64 && kind <= 127), `${kind}`);
});

test('only voice, poses and game states may be lost, and only poses and game states have keys', () => {
  for (const kind of kinds) {
    assert.equal(isDroppable(kind), kind === Kind.AUDIO || kind === Kind.MOTION || kind === Kind.GAME);
    assert.equal(hasKeys(kind), kind === Kind.MOTION || kind === Kind.GAME);
  }
});
