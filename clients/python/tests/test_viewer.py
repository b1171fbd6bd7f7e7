"""What a viewer gives to its application, rule by rule; messages as a server would send them."""

import unittest
from unittest import mock

from hayate_client import Ended, Event, Frame, Gap, Pose, Received, Viewer, Watching
from hayate_client import viewer as module
from hayate_client.gen.hayate.v1.message_pb2 import ServerMessage
from support import EPOCH, running, scripted, stay, until

HEADER, AUDIO, MOTION, EVENT, GAME, OWN = 1, 2, 3, 4, 5, 64
TICK = Event(custom=Event.Custom(type="tick")).SerializeToString()
POSE = Pose(hips=(1.0, 0.0, 0.0)).quantised()


def frame(sequence, kind=EVENT, epoch=EPOCH, **fields):
    fields.setdefault("payload", TICK if kind == EVENT else b"")
    return Frame(stream="s1", epoch=epoch, sequence=sequence, kind=kind, **fields).SerializeToString()


class Order(unittest.TestCase):
    def setUp(self):
        self.events = []
        self.viewer = Viewer("ws://localhost", "s1", "token", self.events.append)

    def join(self, next_sequence=0, epoch=EPOCH):
        self.viewer.take(ServerMessage(watching=Watching(epoch=epoch, next_sequence=next_sequence)))

    def take(self, *frames, gaps=()):
        self.viewer.take(ServerMessage(frames=frames, gaps=[Gap(first=a, last=b, reason=c) for a, b, c in gaps]))

    def given(self):
        return [event.frame.sequence for event in self.events if isinstance(event, Received)]

    def gaps(self):
        return [(event.first, event.last, event.reason) for event in self.events if isinstance(event, Gap)]

    def test_each_frame_is_given_once_whatever_its_kind(self):
        self.join()
        self.take(*(frame(n, kind) for n, kind in enumerate((HEADER, AUDIO, EVENT, OWN))))
        self.take(*(frame(n, kind) for n, kind in enumerate((HEADER, AUDIO, EVENT, OWN))), frame(4))
        self.assertEqual(self.given(), [0, 1, 2, 3, 4])
        self.assertEqual(self.viewer.counts["duplicate"], 4)

    def test_gaps_and_frames_of_one_message_are_one_set_in_order(self):
        self.join()
        self.take(frame(9), frame(2), frame(5), gaps=[(6, 8, 2), (0, 1, 1), (3, 4, 3)])
        self.assertEqual(self.given(), [2, 5, 9])
        self.assertEqual(self.gaps(), [(0, 1, 1), (3, 4, 3), (6, 8, 2)])
        self.assertEqual(self.viewer.counts["missing"], 7)

    def test_an_unknown_reason_is_lost_and_a_gap_of_what_came_is_left_out(self):
        self.join()
        self.take(frame(0), frame(1))
        self.take(frame(5), gaps=[(0, 4, 77)])
        self.assertEqual(self.gaps(), [(2, 4, 1)])

    def test_a_frame_that_comes_after_its_gap_is_given_and_no_longer_missing(self):
        self.join()
        self.take(frame(9), gaps=[(0, 8, 1)])
        for sequence in (0, 8, 4, 4, 9):
            self.take(frame(sequence))
        self.assertEqual(self.given(), [9, 0, 8, 4])
        self.assertEqual(self.viewer.counts["missing"], 6)

    def test_a_gap_of_2_53_sequences_costs_nothing(self):
        self.join()
        self.take(gaps=[(0, 2**53 - 10, 1)])
        self.take(frame(2**53 - 9), frame(12345))
        self.assertEqual(self.given(), [12345, 2**53 - 9][::-1][::-1])
        self.assertEqual(self.viewer.counts["missing"], 2**53 - 10)

    def test_holes_of_the_current_group_are_not_missing_and_older_headers_replace_nothing(self):
        self.join(120)
        new = module.StreamHeader(title="new").SerializeToString()
        old = module.StreamHeader(title="old").SerializeToString()
        self.take(frame(120), frame(121, HEADER, payload=new))
        self.take(frame(0, HEADER, payload=old), frame(100, MOTION, flags=1), frame(100, MOTION, flags=1))
        self.assertEqual(self.given(), [120, 121, 0, 100])
        self.assertEqual((self.gaps(), self.viewer.header.title), ([], "new"))

    def test_frames_of_another_epoch_are_ignored_and_a_new_epoch_begins_from_nothing(self):
        self.join()
        self.take(frame(0, MOTION, flags=1), frame(1, epoch=EPOCH + 1))
        self.join(epoch=EPOCH + 1)
        self.take(frame(0, epoch=EPOCH + 1), frame(1, MOTION, epoch=EPOCH + 1), frame(1))
        self.assertEqual(self.given(), [0, 0])
        self.assertEqual(self.viewer.counts["without key"], 1)

    def test_the_same_epoch_again_continues(self):
        self.join()
        self.take(frame(0, MOTION, flags=1))
        self.join(500)
        self.take(frame(0, MOTION, flags=1), frame(480, MOTION, flags=1), frame(500), gaps=[(1, 499, 3)])
        self.assertEqual(self.given(), [0, 480, 500])
        self.assertEqual(self.viewer.counts["missing"], 498)

    def test_a_delta_is_laid_over_the_key_that_it_names_or_dropped(self):
        self.join()
        other = Pose().quantised()
        self.take(frame(0, MOTION, flags=1, payload=POSE.payload()), frame(1, MOTION, key_sequence=0),
                  frame(2, MOTION, flags=1, payload=other.payload()), frame(3, MOTION, key_sequence=0),
                  frame(4, MOTION, key_sequence=1), frame(5, MOTION, key_sequence=0, participant=1),
                  frame(6, MOTION, flags=1), frame(7, MOTION, key_sequence=0), frame(8, MOTION, key_sequence=2))
        poses = {event.frame.sequence: event.payload for event in self.events if isinstance(event, Received)}
        self.assertEqual(list(poses), [0, 1, 2, 3, 6, 8])
        self.assertEqual((poses[1], poses[3], poses[8]), (POSE, POSE, other))
        self.assertEqual(self.viewer.counts["without key"], 3)

    def test_game_has_keys_and_deltas_of_its_own(self):
        self.join()
        self.take(frame(0, MOTION, flags=1), frame(1, GAME, key_sequence=0), frame(2, GAME, flags=1, payload=b"\xff"),
                  frame(3, GAME, key_sequence=2, payload=b"x"))
        self.assertEqual(self.given(), [0, 2, 3])

    def test_payloads_that_cannot_be_read_are_counted_and_do_no_harm(self):
        self.join()
        self.take(frame(0, MOTION, flags=1, payload=b"\x0a\x01\x01"), frame(1, MOTION, key_sequence=0),
                  frame(2, EVENT, payload=b"\xff"), frame(3, OWN, payload=b"\xff"), b"\xff\xff")
        self.assertEqual(self.given(), [3])
        self.assertEqual((self.viewer.counts["unreadable"], self.viewer.counts["without key"]), (3, 1))

    def test_an_end_of_another_epoch_is_ignored_and_an_unknown_reason_is_lost(self):
        self.join()
        self.viewer.take(ServerMessage(ended=Ended(epoch=EPOCH + 1, reason=1)))
        self.viewer.take(ServerMessage(ended=Ended(epoch=EPOCH, reason=99)))
        self.assertEqual([event.reason for event in self.events if isinstance(event, Ended)], [2])


class Returning(unittest.IsolatedAsyncioTestCase):
    def new(self, url):
        self.events = []
        return Viewer(url, "s1", "token", self.events.append)

    def watching(self):
        return [event.epoch for event in self.events if isinstance(event, Watching)]

    async def test_it_names_what_comes_after_the_largest_that_arrived(self):
        async def play(peer):
            group = [frame(0, HEADER), frame(5), frame(6)]
            await peer.watching(next_sequence=5, frames=group if peer.number == 2 else [])
            if peer.number < 3:
                await until("the end", lambda: peer.number == 1 or peer.has("receipt"))
                peer.socket.transport.abort()
            await stay()

        async with scripted(play) as script:
            async with running(self.new(script.url).run()):
                await until("three connections", lambda: len(script.peers) == 3)
            names = [(p.messages[0].watch.epoch, p.messages[0].watch.next_sequence) for p in script.peers]
            self.assertEqual(names, [(0, 0), (0, 0), (EPOCH, 7)])

    async def test_a_receipt_names_the_largest_and_comes_again_only_after_news(self):
        async def play(peer):
            await peer.watching(frames=[frame(0), frame(7)])
            await until("a receipt", lambda: peer.has("receipt"))
            for _ in range(3):
                count = len(peer.messages)
                await peer.send(ServerMessage())
                await until("pings", lambda: len(peer.messages) > count)
            await peer.send(ServerMessage(frames=[frame(3)]))
            await stay()

        async with scripted(play) as script:
            async with running(self.new(script.url).run()):
                receipts = []

                def count():
                    receipts[:] = [m.receipt for m in script.peers[0].messages if m.HasField("receipt")] \
                        if script.peers else []
                    return len(receipts)

                await until("two receipts", lambda: count() == 2)
            self.assertEqual([(r.epoch, r.sequence) for r in receipts], [(EPOCH, 7)] * 2)

    async def test_not_live_is_told_at_once_to_a_new_viewer_and_later_to_one_that_returns(self):
        async def play(peer):
            await peer.watching(epoch=0)
            if peer.number == 1:
                await peer.watching(frames=[frame(0)])
                await until("a receipt", lambda: peer.has("receipt"))
                return peer.socket.transport.abort()
            if peer.number == 2:
                await peer.watching(frames=[frame(0)])
                count = len(peer.messages)
                await until("pings", lambda: len(peer.messages) >= count + 6)
                return peer.socket.transport.abort()
            await stay()

        with mock.patch.object(module, "BELIEVE_S", 0.5):
            async with scripted(play) as script:
                async with running(self.new(script.url).run()):
                    await until("not live, believed", lambda: len(self.watching()) == 4)
                self.assertEqual(self.watching(), [0, EPOCH, EPOCH, 0])
                self.assertEqual(len(script.peers), 3)
