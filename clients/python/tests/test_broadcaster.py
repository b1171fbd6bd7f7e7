"""What a broadcaster does, rule by rule, on a server that plays a script."""

import asyncio
import time
import unittest
from unittest import mock

from hayate_client import (Audio, Broadcaster, Closed, ClosedError, Ended, Event, OutboxFull, Pose,
                           StreamHeader)
from hayate_client import broadcaster as module
from hayate_client.broadcaster import opus_samples, ranges
from hayate_client.gen.hayate.v1.message_pb2 import (Ack, GoAway, PublishLimits, Published, Resend,
                                                     ServerMessage)
from support import EPOCH, running, scripted, stay, until

PACKET = bytes.fromhex("f8fffe")


def event(number):
    return Event(custom=Event.Custom(type="tick", data=str(number).encode()))


def accounted(peer):
    """The sequences that a connection sent or declared."""
    declared = {n for m in peer.messages for r in m.dropped for n in range(r.first, r.last + 1)}
    return {frame.sequence for frame in peer.frames} | declared


async def finish(peer):
    """Answers End as a server does."""
    await until("End", lambda: peer.has("end"))
    count = next(m.end.next_sequence for m in peer.messages if m.HasField("end"))
    await until("every frame before End", lambda: accounted(peer) >= set(range(peer.wanted, count)))
    ended = Ended(epoch=EPOCH, next_sequence=count, reason=1)
    await peer.send(ServerMessage(ack=Ack(next_sequence=count), ended=ended))
    await peer.socket.close(1000)


class Broadcasts(unittest.IsolatedAsyncioTestCase):
    def new(self, url):
        self.events = []
        return Broadcaster(url, "s1", "token", StreamHeader(title="A title"), self.events.append)

    def closes(self):
        return [(event.code, event.retry) for event in self.events if isinstance(event, Closed)]

    async def test_a_broken_connection_is_resumed_with_the_newest_ticket_and_every_sequence_accounted_for(self):
        seen = {}

        async def play(peer):
            if peer.number == 1:
                await peer.published(b"t1")
                await until("ten frames", lambda: len(peer.frames) >= 10)
                await peer.send(ServerMessage(ack=Ack(next_sequence=3, ticket=b"t2")))
                await peer.send(ServerMessage(ack=Ack(next_sequence=5)))
                await until("the acknowledgement", lambda: len(acks()) == 2)
                return peer.socket.transport.abort()
            peer.wanted = 3
            await peer.published(b"t3", next_sequence=3)
            await finish(peer)

        def acks():
            return [event for event in self.events if isinstance(event, Ack)]

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()) as task:
                await until("the epoch", lambda: client.epoch)
                for number in range(20):
                    client.event(event(number))
                    client.audio([PACKET])
                await until("the second connection", lambda: len(script.peers) == 2)
                client.end()
                await task
            one, two = script.peers
            self.assertEqual((one.messages[0].publish.ticket, two.messages[0].publish.ticket), (b"", b"t2"))
            self.assertEqual(accounted(two), set(range(3, 41)))
            self.assertEqual(one.frames[0].kind, 1)
            seen = {frame.sequence: frame.SerializeToString() for frame in one.frames}
            for frame in two.frames:
                self.assertEqual(seen.get(frame.sequence, frame.SerializeToString()), frame.SerializeToString())
            self.assertEqual([message.end.next_sequence for message in two.messages if message.HasField("end")], [41])
        self.assertEqual(self.closes(), [(1006, True), (1000, False)])

    async def test_a_refused_ticket_begins_a_new_epoch_from_sequence_0(self):
        async def play(peer):
            if peer.number == 1:
                await peer.published(b"t1")
                await until("frames", lambda: len(peer.frames) >= 5)
                await peer.socket.close(1011)
            elif peer.number == 2:
                await peer.socket.close(4412)
            else:
                peer.wanted = 0
                await peer.published(b"t9", epoch=EPOCH)
                await until("the header", lambda: len(peer.frames) >= 1)

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the epoch", lambda: client.epoch)
                client.epoch += 1  # As if the first epoch had been another one.
                for number in range(5):
                    client.event(event(number))
                await until("the third connection's frames", lambda: len(script.peers) == 3 and script.peers[2].frames)
                first = script.peers[2].frames[0]
                self.assertEqual((first.kind, first.sequence, first.epoch), (1, 0, EPOCH))
                self.assertEqual([peer.messages[0].publish.ticket for peer in script.peers], [b"", b"t1", b""])
                self.assertEqual(client.dropped, 6)
        self.assertEqual(self.closes()[:2], [(1011, True), (4412, True)])

    async def test_a_ticket_refused_where_none_was_sent_is_the_end(self):
        async def play(peer):
            await peer.socket.close(4412)

        async with scripted(play) as script:
            with self.assertRaises(ClosedError):
                await self.new(script.url).run()

    async def test_resent_frames_are_held_back_at_16_kib_and_new_ones_are_not(self):
        async def play(peer):
            await peer.published()
            if peer.number == 1:
                await until("the frames", lambda: len(peer.frames) >= 41)
                await peer.send(ServerMessage(resend=Resend(from_sequence=1)))
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the epoch", lambda: client.epoch)
                for _ in range(40):
                    client.frame(64, bytes(2000))
                await until("resent frames", lambda: len(script.peers[0].frames) >= 41 + 8)
                newest = client.frame(64, b"new")
                await until("the new frame", lambda: script.peers[0].frames[-1].sequence == newest)
                resent = [frame.sequence for frame in script.peers[0].frames[41:-1]]
                self.assertEqual(resent, list(range(1, 1 + len(resent))))
                self.assertLessEqual(len(resent) * 2030, 16_384 + 4_096)

    async def test_voice_and_poses_beyond_the_bound_are_declared_and_events_never(self):
        async def play(peer):
            await peer.published(next_sequence=0)
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the epoch", lambda: client.epoch)
                sequences = [client.audio([PACKET]), client.event(event(1)), client.motion(Pose())]
                with mock.patch.object(module, "HELD_S", 0.0):
                    await until("the ranges", lambda: any(m.dropped for m in script.peers[0].messages))
                declared = [n for m in script.peers[0].messages for r in m.dropped for n in range(r.first, r.last + 1)]
                self.assertEqual(declared, [sequences[0], sequences[2]])
                self.assertEqual(client.dropped, 2)

    async def test_too_many_events_are_an_error_to_the_application(self):
        async def play(peer):
            await peer.published()
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the epoch", lambda: client.epoch)
                with mock.patch.object(module, "HELD_EVENTS", 10), self.assertRaises(OutboxFull):
                    for number in range(11):
                        client.event(event(number))
                self.assertEqual(client.next_sequence, 10)
                self.assertIsNotNone(client.audio([PACKET]))

    async def test_the_limits_of_the_server_bound_a_frame(self):
        async def play(peer):
            await peer.send(ServerMessage(published=Published(
                epoch=EPOCH, ticket=b"t", limits=PublishLimits(frame_bytes_max=500))))
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the epoch", lambda: client.epoch)
                with self.assertRaises(ValueError):
                    client.frame(64, bytes(500))
                self.assertEqual(client.frame(64, bytes(400)), 1)

    async def test_frames_beyond_the_rate_wait(self):
        async def play(peer):
            await peer.send(ServerMessage(published=Published(
                epoch=EPOCH, ticket=b"t", limits=PublishLimits(frames_per_second_max=10))))
            await stay()

        async with scripted(play) as script:
            now = time.monotonic()
            with mock.patch.object(module, "time", mock.Mock(monotonic=lambda: now)):
                client = self.new(script.url)
                async with running(client.run()):
                    await until("the epoch", lambda: client.epoch)
                    for number in range(400):
                        client.event(event(number))
                    for seconds, least, most in ((0, 75, 100), (5, 120, 150), (10, 200, 250)):
                        now += seconds
                        await until("frames", lambda: len(script.peers[0].frames) >= least)
                        pings = len(script.peers[0].messages)
                        await until("another ping", lambda: len(script.peers[0].messages) > pings)
                        self.assertLessEqual(len(script.peers[0].frames), most)

    async def test_a_server_that_goes_away_is_left_when_another_connection_is_answered(self):
        async def play(peer):
            peer.wanted = 0
            if peer.number == 2:
                # Otherwise the client may close the first connection before the server does.
                await script.peers[0].socket.wait_closed()
            await peer.published(b"t%d" % peer.number)
            if peer.number == 1:
                await peer.send(ServerMessage(go_away=GoAway(close_after_ms=20)))
                await until("the second", lambda: len(script.peers) == 2)
                await peer.socket.close(4409)
            else:
                await finish(peer)

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()) as task:
                await until("the move", lambda: len(script.peers) == 2 and client.event(event(1)))
                await until("the frames on the new one", lambda: script.peers[1].frames)
                client.end()
                await task
            self.assertEqual(script.peers[1].messages[0].publish.ticket, b"t1")
        self.assertEqual(self.closes(), [(4409, True), (1000, False)])

    async def test_the_old_connection_is_closed_with_1000_after_a_move(self):
        async def play(peer):
            await peer.published(b"t%d" % peer.number)
            if peer.number == 1:
                await peer.send(ServerMessage(go_away=GoAway(close_after_ms=20)))
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the close", lambda: script.peers and script.peers[0].socket.close_code)
                self.assertEqual(script.peers[0].socket.close_code, 1000)
                self.assertEqual(len(script.peers), 2)
                self.assertIsNone(script.peers[1].socket.close_code)

    async def test_keys_come_once_a_second_and_first_after_a_resume(self):
        async def play(peer):
            await peer.published(b"t%d" % peer.number)
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("the epoch", lambda: client.epoch)
                start = client._started_at
                with mock.patch.object(client, "capture_us", side_effect=range(0, 10_000_000, 100_000)):
                    sequences = [client.motion(Pose()) for _ in range(40)]
                await until("the poses", lambda: len(script.peers[0].frames) >= 41)
                poses = [frame for frame in script.peers[0].frames if frame.kind == 3]
                keys = [frame.capture_us for frame in poses if frame.flags == 1]
                self.assertEqual(keys[0], 0)
                self.assertTrue(all(0 < b - a <= 1_000_000 for a, b in zip(keys, keys[1:])), keys)
                newest = None
                for frame in poses:
                    newest = frame.sequence if frame.flags == 1 else newest
                    self.assertEqual(frame.key_sequence, 0 if frame.flags == 1 else newest)
                self.assertEqual((len(sequences), start), (40, client._started_at))
                script.peers[0].socket.transport.abort()
                await until("the second connection", lambda: client.link and len(script.peers) == 2)
                sequence = client.motion(Pose())
                await until("the pose", lambda: any(frame.sequence == sequence for frame in script.peers[1].frames))
                self.assertEqual(next(f.flags for f in script.peers[1].frames if f.sequence == sequence), 1)

    async def test_the_position_of_voice_continues_and_jumps_over_silence(self):
        client = self.new("ws://localhost")
        client.take(ServerMessage(published=Published(epoch=EPOCH, ticket=b"t")))
        with mock.patch.object(client, "capture_us", side_effect=[20_000, 45_000, 61_000, 500_000, 521_000]):
            sequences = [client.audio([PACKET], participant=0) for _ in range(5)]
        frames = [module.Frame.FromString(client._kept[n].data) for n in sequences]
        self.assertEqual([frame.position for frame in frames], [0, 960, 1920, 23_040, 24_000])
        self.assertEqual(Audio.FromString(frames[0].payload).packets, [PACKET])
        with self.assertRaises(ValueError):
            client.audio([PACKET], position=5)


    def test_an_end_for_an_unknown_reason_is_lost(self):
        client = self.new("ws://localhost")
        client.take(ServerMessage(ended=Ended(epoch=EPOCH, reason=77)))
        self.assertEqual(([event.reason for event in self.events], client.over), ([2], True))


class Numbers(unittest.TestCase):
    def test_sequences_become_ranges_no_longer_than_the_largest_jump(self):
        self.assertEqual([(r.first, r.last) for r in ranges([9, 1, 2, 3, 7])], [(1, 3), (7, 7), (9, 9)])
        long = ranges(range(100_000))
        self.assertEqual((long[0].first, long[-1].last), (0, 99_999))
        self.assertTrue(all(r.last - r.first < 65_536 for r in long))

    def test_the_duration_of_opus_packets_is_that_of_rfc_6716(self):
        for packet, samples in [(b"\x00", 480), (b"\x18", 2880), (b"\x60", 480), (b"\x68", 960), (b"\x80", 120),
                                (b"\xf8", 960), (b"\xf9", 1920), (b"\xfb\x03", 2880)]:
            self.assertEqual(opus_samples(packet), samples)
        for packet in (b"", b"\xfb"):
            with self.assertRaises(ValueError):
                opus_samples(packet)
