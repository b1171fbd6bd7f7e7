"""A broadcaster and viewers on a real server: HAYATE_SERVER is its ws:// address, in development mode."""

import asyncio
import json
import os
import pathlib
import unittest
import urllib.error
import urllib.parse
import urllib.request
from unittest import mock

from hayate_client import (Ack, AudioConfig, Broadcaster, Closed, ClosedError, Ended, Event, Pose, Published,
                           Received, StreamHeader, Token, Viewer)
from hayate_client import connection
from hayate_client.gen.hayate.v1.message_pb2 import ClientMessage
from support import close_codes, proxied, running, until

SERVER = os.environ.get("HAYATE_SERVER", "")
VECTORS = pathlib.Path(os.environ["HAYATE_VECTORS"])
PACKET = bytes.fromhex("f8fffe")


async def token_for(stream):
    """A token of the development server, for both rights."""
    def fetch():
        body = json.dumps({"grants": {"publish": [stream], "watch": [stream]}, "subject": "mika"}).encode()
        url = f"http{SERVER.removeprefix('ws')}/dev/token"
        for _ in range(3):  # urllib does not follow a 307 of a POST.
            request = urllib.request.Request(url, body, {"content-type": "application/json"})
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 307:
                    raise
                url = urllib.parse.urljoin(url, error.headers["location"])
    answer = await asyncio.to_thread(fetch)
    return Token(answer["token"], answer["expiresAt"])


def make(broadcaster, count):
    """`count` frames of all kinds, at once."""
    for number in range(count):
        if number % 5 == 0:
            broadcaster.motion(Pose(hips=(number / 100, 0.0, 0.0)))
        elif number % 7 == 0:
            broadcaster.event(Event(custom=Event.Custom(type="tick")))
        else:
            broadcaster.audio([PACKET], level=127)


@unittest.skipUnless(SERVER, "needs HAYATE_SERVER")
class Live(unittest.IsolatedAsyncioTestCase):
    async def broadcast(self, stream, url=SERVER):
        self.events = []
        header = StreamHeader(title="Live", audio=AudioConfig(codec="opus", channels=1))
        return Broadcaster(url, stream, (await token_for(stream)).text, header, self.events.append)

    async def watch(self, stream, url=SERVER):
        seen = []
        return Viewer(url, stream, (await token_for(stream)).text, seen.append), seen

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    async def test_a_viewer_gets_or_is_told_of_every_frame_of_a_broadcast_whose_connections_are_cut(self):
        self.enterContext(mock.patch.object(connection, "LIVE_S", 0.0))  # Else the waits grow from cut to cut.
        async with proxied(SERVER) as to_publish, proxied(SERVER) as to_watch:
            client = await self.broadcast("cut", to_publish.url)
            viewer, seen = await self.watch("cut", to_watch.url)
            async with running(viewer.run()), running(client.run()) as publishing:
                # A viewer that nothing has reached yet returns as a new one, and may join later.
                await until("the header at the viewer", lambda: viewer.header and viewer.epoch == client.epoch)
                for burst in range(8):
                    make(client, 20)
                    acks = len(self.of(Ack))
                    if burst % 3 == 1:
                        to_publish.cut()
                    if burst % 3 == 0 and burst > 0:
                        to_watch.cut()
                    make(client, 5)
                    await until("an acknowledgement", lambda: len(self.of(Ack)) > acks)
                # A viewer that returns after the end is told only that the stream is not live.
                await until("the viewer's return", lambda: viewer.link)
                client.end()
                await publishing
                await until("the end", lambda: any(isinstance(event, Ended) for event in seen))
            self.assertEqual(to_watch.cuts, 2)
            self.assertEqual((to_publish.cuts, self.of(Ended)[0].reason), (3, 1))
            self.assertEqual(max(event.generation for event in self.of(Published)), 4)
            self.assertEqual(self.of(Ack)[-1].next_sequence, client.next_sequence)
            self.assertEqual((client.dropped, {event.epoch for event in self.of(Published)}), (0, {client.epoch}))
            received = [event.frame.sequence for event in seen if isinstance(event, Received)]
            self.assertEqual(len(received), len(set(received)))
            self.assertEqual(len(received) + viewer.counts["missing"] + viewer.counts["without key"]
                             + viewer.counts["unreadable"], client.next_sequence)

    async def test_what_one_sends_the_other_sees_as_it_was(self):
        client = await self.broadcast("same")
        viewer, seen = await self.watch("same")
        poses = [Pose(hips=(0.0, number / 10, 0.0)) for number in range(5)]
        async with running(viewer.run()), running(client.run()) as publishing:
            await until("the epoch at the viewer", lambda: viewer.epoch and viewer.epoch == client.epoch)
            for pose in poses:
                client.motion(pose, participant=0)
            client.event(Event(comment=Event.Comment(author="a", text="b")))
            client.frame(100, b"own")
            client.end()
            await publishing
            await until("the end", lambda: any(isinstance(event, Ended) for event in seen))
        payloads = [event.payload for event in seen if isinstance(event, Received)]
        self.assertEqual(payloads[1:6], [pose.quantised() for pose in poses])
        self.assertEqual((payloads[0].title, payloads[6].comment.text, payloads[7]), ("Live", "b", b"own"))
        self.assertGreater(payloads[0].origin_unix_us, 1.7e15)

    async def test_a_newer_broadcast_supersedes_an_older_one_which_does_not_come_back(self):
        older, newer = await self.broadcast("twice"), await self.broadcast("twice")
        async with running(older.run()) as old_task:
            await until("the older", lambda: older.epoch)
            async with running(newer.run()):
                with self.assertRaises(ClosedError) as raised:
                    await old_task
                self.assertEqual(raised.exception.code, 4409)

    async def test_a_token_that_grants_nothing_here_is_the_end(self):
        client = await self.broadcast("mine")
        client.stream = "theirs"
        with self.assertRaises(ClosedError) as raised:
            await client.run()
        self.assertEqual(raised.exception.code, 4403)

    async def test_the_server_closes_on_every_refused_vector_with_the_code_of_the_index(self):
        index = json.loads((VECTORS / "index.json").read_text(encoding="utf-8"))["vectors"]
        refused = [vector for vector in index if "failure" in vector and vector["message"] != "Motion"]
        self.assertGreater(len(refused), 40)
        codes = {name: code for code, (name, _) in close_codes().items()}
        kinds = {"StreamHeader": 1, "Audio": 2}
        for vector in refused:
            with self.subTest(vector["name"]):
                data = (VECTORS / vector["file"]).read_bytes()
                client = await self.broadcast("studio-7")
                async with running(client.run()) as task:
                    await until("the epoch", lambda: client.epoch)
                    # The vectors were made in another epoch.
                    data = data.replace(bytes.fromhex("debc0a80aa6db719"), client.epoch.to_bytes(8, "little"))
                    if vector["message"] in kinds:
                        client.frame(kinds[vector["message"]], data)
                    elif vector["message"] == "ClientMessage":
                        await client.link.socket.send(data)
                    else:
                        await client.link.send(ClientMessage(frames=[data]))
                    await until("the close", lambda: self.of(Closed))
                    closed = self.of(Closed)[0]
                    self.assertEqual((closed.code, closed.retry), (codes[vector["failure"]], False))
                    with self.assertRaises(ClosedError):
                        await task
