import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { EventSchema, framePayload, Kind, mintEpoch, StreamHeaderSchema } from '@hayate/protocol';
import { poll } from '../../../../test/support/poll.ts';
import { startScriptedServer } from '../../../../test/support/scripted-server.ts';
import { ClientError } from '../client-error.ts';
import { Broadcaster } from './broadcaster.ts';
import type { EventInput, ParticipantInfo } from './broadcaster-api.ts';

const epoch = mintEpoch(1_800_000_000_000, 7);
const published = { epoch, generation: 1, ticket: Uint8Array.of(1), nextSequence: 0n, serverUnixUs: BigInt(Date.now() * 1000) };
const offline = { server: 'http://127.0.0.1:9', stream: 'aki', token: 't' };
const guest = (number: number, name: string): ParticipantInfo => ({ number, name, avatar: '' });
const isInvalid = (words: RegExp) => (error: unknown) =>
  error instanceof ClientError && error.code === 'INVALID' && words.test(error.message);

test('titles, names, comments and gifts are cleaned before they are sent', async (t) => {
  const server = await startScriptedServer(t, (connection, message) => {
    if (message.publish !== undefined) connection.send({ published });
  });
  const broadcaster = new Broadcaster({
    ...offline,
    server: server.url,
    title: ' 夜の\tラジオ\u202e 👨‍👩‍👧‍👦\n',
    participants: [guest(1, '星野\u0000ひかり'), guest(2, '星野ひかり')],
  });
  t.after(() => broadcaster.close());
  assert.equal(broadcaster.description.title, '夜の ラジオ 👨‍👩‍👧‍👦');
  await broadcaster.start();
  broadcaster.sendEvent({ case: 'comment', value: { author: 'み\u2066か', text: 'こんばんは\r\n\u001b[31m!' } });
  broadcaster.sendEvent({ case: 'gift', value: { author: 'Mika', item: '★\n', count: 3 } });
  broadcaster.sendEvent({ case: 'joined', value: { participant: { number: 3, name: 'か\u3099く\u2067', avatar: '' } } });
  broadcaster.sendEvent({ case: 'custom', value: { type: 'vote\n', data: Uint8Array.of(1) } });
  const frames = await poll('five frames', () => server.connections[0]?.frames.length === 5 && server.connections[0].frames);
  const bodies = frames.map(({ header, bytes }) => {
    const payload = framePayload(bytes, header);
    return header.kind === Kind.HEADER ? fromBinary(StreamHeaderSchema, payload) : fromBinary(EventSchema, payload).body;
  });
  const [header, comment, gift, joined, custom] = bodies;
  assert.ok(header !== undefined && 'participants' in header);
  assert.equal(header.title, '夜の ラジオ 👨‍👩‍👧‍👦');
  assert.deepEqual(
    header.participants.map(({ number, name }) => [number, name]),
    [
      [1, '星野ひかり'],
      [2, '星野ひかり'],
    ],
  );
  assert.ok(comment !== undefined && 'case' in comment && comment.case === 'comment');
  assert.deepEqual([comment.value.author, comment.value.text], ['みか', 'こんばんは\n[31m!']);
  assert.ok(gift !== undefined && 'case' in gift && gift.case === 'gift');
  assert.deepEqual([gift.value.author, gift.value.item, gift.value.count], ['Mika', '★', 3]);
  assert.ok(joined !== undefined && 'case' in joined && joined.case === 'joined');
  assert.equal(joined.value.participant?.name, 'がく');
  assert.ok(custom !== undefined && 'case' in custom && custom.case === 'custom');
  assert.equal(custom.value.type, 'vote\n');
  broadcaster.setTitle('\u2067次\u2069');
  assert.equal(broadcaster.description.title, '次');
  const long = (body: EventInput) => () => broadcaster.sendEvent(body);
  assert.throws(long({ case: 'comment', value: { text: 'あ'.repeat(2_001) } }), isInvalid(/A comment has 2001 characters.*at most 2000/));
  assert.throws(long({ case: 'gift', value: { author: 'x'.repeat(101) } }), isInvalid(/An author has 101/));
  assert.throws(long({ case: 'gift', value: { item: 'x'.repeat(101) } }), isInvalid(/item has 101/));
  assert.throws(long({ case: 'costume', value: { avatar: 'http://example.com/a.vrm' } }), isInvalid(/https/));
});

test('text that is too long is refused with its length and unit; characters that cleaning removes do not count', () => {
  assert.throws(
    () => new Broadcaster({ ...offline, title: '🎤'.repeat(101) }),
    isInvalid(/A title has 202 characters \(UTF-16 code units\), at most 200 are allowed/),
  );
  new Broadcaster({ ...offline, title: `${'🎤'.repeat(100)}\n\u202e ` });
  assert.throws(() => new Broadcaster({ ...offline, participants: [guest(1, 'x'.repeat(101))] }), isInvalid(/A name has 101 characters/));
});

test('participants need unique numbers, and may have names in any script and avatars on any host', () => {
  for (const number of [0, 64, -1, 1.5])
    assert.throws(() => new Broadcaster({ ...offline, participants: [guest(number, 'a')] }), isInvalid(/number must be 1 to 63/));
  assert.throws(() => new Broadcaster({ ...offline, participants: [guest(1, 'a'), guest(1, 'b')] }), isInvalid(/same number/));
  const avatar = 'https://例え.jp/アバター.vrm';
  new Broadcaster({ ...offline, avatar, participants: [guest(63, 'a'), { ...guest(1, 'a'), avatar }] });
  for (const bad of ['https://a/\u0007', 'https://a/\u202e', 'https://a b/', `https://${'x'.repeat(2_001)}`])
    assert.throws(() => new Broadcaster({ ...offline, avatar: bad }), isInvalid(/An avatar is an https/), JSON.stringify(bad));
});

test('an invalid stream name is refused with the allowed alphabet', () => {
  assert.throws(
    () => new Broadcaster({ ...offline, stream: '星' }),
    isInvalid(/A stream name has 1 to 64 characters of A-Z, a-z, 0-9, _ and -/),
  );
});
