"""When a client returns, when it gives up, and what it does with its token; on a server that plays a script."""

import os
import pathlib
import re
import time
import unittest
from unittest import mock

from hayate_client import Closed, ClosedError, Token, Viewer
from hayate_client import broadcaster, viewer
from hayate_client import connection as module
from hayate_client.gen.hayate.v1.message_pb2 import GoAway, Pong, ServerMessage
from support import close_codes, proxied, running, scripted, stay, until


class Connections(unittest.IsolatedAsyncioTestCase):
    def new(self, url, token="token"):
        self.events = []
        return Viewer(url, "s1", token, self.events.append)

    def closes(self):
        return [event for event in self.events if isinstance(event, Closed)]

    async def test_it_returns_after_temporary_codes_and_never_after_others(self):
        codes = {code: temporary for code, (_, temporary) in close_codes().items()}
        self.assertGreater(len(codes), 15)
        codes |= {code: False for code in (1002, 1003, 1007, 1008, 1009, 1010)}
        codes |= {code: True for code in (1001, 1011, 1012, 1013, 3000, 4000, 4499, 4999)}

        async def play(peer):
            await peer.watching()
            await peer.socket.close(code)

        for code, temporary in codes.items():
            with self.subTest(code=code):
                async with scripted(play) as script:
                    client = self.new(script.url)
                    async with running(client.run()) as task:
                        await until("a close", self.closes)
                        self.assertEqual((self.closes()[0].code, self.closes()[0].retry), (code, temporary))
                        if code == 1000:
                            await task
                        elif not temporary:
                            with self.assertRaises(ClosedError) as raised:
                                await task
                            self.assertEqual(raised.exception.code, code)
                            self.assertEqual(len(script.peers), 1)

    async def test_a_refused_upgrade_is_tried_again_where_the_text_says_so(self):
        async def play(peer):
            await peer.watching()
            await stay()

        for status, retry in [(408, True), (425, True), (429, True), (500, True), (503, True),
                              (400, False), (403, False), (404, False), (426, False)]:
            with self.subTest(status=status):
                async with scripted(play) as script:
                    script.refusals = [(status, {"Retry-After": "0"})]
                    client = self.new(script.url)
                    async with running(client.run()) as task:
                        await until("a close", self.closes)
                        self.assertEqual((self.closes()[0].code, self.closes()[0].retry), (1006, retry))
                        if retry:
                            await until("the next attempt", lambda: script.peers)
                        else:
                            with self.assertRaises(ClosedError):
                                await task

    async def test_a_redirect_is_not_followed(self):
        async def play(peer):
            await stay()

        async with scripted(play) as other, scripted(play) as script:
            script.refusals = [(307, {"Location": f"{other.url}/watch"})]
            with self.assertRaises(ClosedError):
                await self.new(script.url).run()
            self.assertEqual(other.peers, [])

    async def test_retry_after_is_read_as_seconds_and_as_a_date(self):
        self.assertEqual(module._seconds("7"), 7)
        self.assertEqual(module._seconds("Thu, 01 Jan 1970 00:00:00 GMT"), 0)
        self.assertGreater(module._seconds("Thu, 01 Jan 2099 00:00:00 GMT"), 10_000)
        self.assertEqual([module._seconds(text) for text in ("", "soon", "-5", "1.5")], [0, 0, 0, 0])

    async def test_it_returns_when_nobody_listens_yet(self):
        async with scripted(lambda peer: stay()) as script, proxied(script.url) as proxy:
            closed_url = proxy.url
        client = self.new(closed_url)
        async with running(client.run()):
            await until("two attempts", lambda: len(self.closes()) >= 2)
            self.assertTrue(all(closed.code == 1006 and closed.retry for closed in self.closes()))

    async def test_a_silent_connection_is_given_up_only_while_a_ping_waits(self):
        async def play(peer):
            await peer.watching()
            while peer.number > 1:
                await until("a ping", lambda: peer.has("ping"))
                await peer.send(ServerMessage(pong=Pong(id=peer.messages[-1].ping.id, server_unix_us=1)))
                count = len(peer.messages)
                await until("the next", lambda: len(peer.messages) > count)
            await stay()

        with mock.patch.object(module, "SILENCE_S", 0.9):
            async with scripted(play) as script:
                client = self.new(script.url)
                async with running(client.run()):
                    await until("another connection", lambda: len(script.peers) == 2)
                    self.assertEqual([(c.code, c.retry) for c in self.closes()], [(1006, True)])
                    await until("more pings than the silence lasts",
                                lambda: len([m for m in script.peers[1].messages if m.HasField("ping")]) >= 6)
                    self.assertEqual(len(script.peers), 2)

    async def test_a_first_message_without_an_answer_is_given_up(self):
        async def play(peer):
            await peer.send(ServerMessage(pong=Pong(id=0)))
            await stay()

        with mock.patch.object(module, "ANSWER_S", 0.3):
            async with scripted(play) as script:
                async with running(self.new(script.url).run()):
                    await until("another attempt", lambda: len(script.peers) >= 2)

    async def test_text_is_ignored_and_bytes_that_are_no_message_end_the_connection(self):
        async def play(peer):
            await peer.socket.send("text")
            await peer.watching(epoch=7)
            await peer.socket.send("text")
            if peer.number == 1:
                await peer.socket.send(b"\xff\xff\xff")
            await stay()

        async with scripted(play) as script:
            client = self.new(script.url)
            async with running(client.run()):
                await until("another connection", lambda: len(script.peers) == 2 and client.link)
                self.assertEqual([(c.code, c.retry) for c in self.closes()], [(1006, True)])

    async def test_a_viewer_moves_when_the_server_goes_away(self):
        async def play(peer):
            await peer.watching(epoch=7)
            if peer.number == 1:
                await peer.send(ServerMessage(go_away=GoAway(close_after_ms=20)))
            await stay()

        async with scripted(play) as script:
            async with running(self.new(script.url).run()):
                await until("the close of the old", lambda: script.peers and script.peers[0].socket.close_code)
                self.assertEqual((script.peers[0].socket.close_code, len(script.peers)), (1000, 2))
                await until("its end", self.closes)
                self.assertEqual([(c.code, c.retry) for c in self.closes()], [(1000, True)])

    async def test_a_move_whose_attempts_fail_keeps_the_old_connection_and_tries_again(self):
        old_codes = []

        async def play(peer):
            old_codes.append(script.peers[0].socket.close_code)
            await peer.watching(epoch=7)
            if peer.number == 1:
                script.refusals = [(503, {}), (503, {})]
                await peer.send(ServerMessage(go_away=GoAway(close_after_ms=20)))
            await stay()

        async with scripted(play) as script:
            async with running(self.new(script.url).run()):
                await until("the second connection", lambda: len(old_codes) == 2)
                self.assertEqual(old_codes, [None, None])
                self.assertEqual([(c.code, c.retry) for c in self.closes()[:2]], [(1006, True)] * 2)

    async def test_a_token_is_renewed_in_band_before_it_runs_out_and_fetched_for_a_new_connection(self):
        fetched = []

        async def fetch():
            fetched.append(len(fetched) + 1)
            if fetched[-1] == 2:
                raise OSError("the issuer is away")
            return Token(f"token {fetched[-1]}", time.time() + (module.RENEW_S + 0.2 if fetched[-1] == 1 else 3600))

        async def play(peer):
            await peer.watching()
            if peer.number == 1:
                await until("a renewal", lambda: any(message.token for message in peer.messages))
                await peer.socket.close(4442)
            await stay()

        async with scripted(play) as script:
            with mock.patch.object(module, "RETRY_S", 0.05):
                async with running(self.new(script.url, fetch).run()):
                    await until("another connection", lambda: len(script.peers) == 2)
            self.assertEqual(script.peers[0].messages[0].watch.token, "token 1")
            self.assertEqual([m.token for m in script.peers[0].messages if m.token], ["token 3"])
            self.assertEqual(script.peers[1].messages[0].watch.token, "token 4")

    async def test_what_the_application_raises_ends_run(self):
        async def play(peer):
            await peer.watching(epoch=7)
            await stay()

        def fail(event):
            raise KeyError("a fault of the application")

        async with scripted(play) as script:
            with self.assertRaises(KeyError):
                await Viewer(script.url, "s1", "token", fail).run()

    def test_its_times_are_those_of_the_text(self):
        text = pathlib.Path(os.environ["HAYATE_VECTORS"]).with_name("behaviour.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", text.split("\n## Times\n")[1], re.MULTILINE)
        times = {name: int(value) / 1000 for name, value in rows}
        names = ("answerTimeoutMs", "silenceMaxMs", "settledMs", "absenceMs", "unacknowledgedMs")
        ours = (module.ANSWER_S, module.SILENCE_S, module.LIVE_S, viewer.BELIEVE_S, broadcaster.HELD_S)
        self.assertEqual({name: times[name] for name in names}, dict(zip(names, ours, strict=True)))

    def test_urls_that_would_expose_the_token_are_refused(self):
        for url in ("ws://example.com", "http://localhost", "wss://host/?token=x", "wss://u:p@host", "ws://10.0.0.1",
                    "wss://host/#a", "localhost:8080", ""):
            with self.subTest(url), self.assertRaises(ValueError):
                self.new(url)
        for url in ("wss://example.com", "ws://localhost:1", "ws://127.0.0.5:1", "ws://[::1]:1", "wss://host/base/"):
            self.new(url)

    def test_the_clock_is_that_of_the_shortest_round_trip_of_the_last_minute(self):
        client, now = self.new("ws://localhost"), time.monotonic()
        self.assertIsNone(client.server_clock())
        client.clock(now - 100.0, now - 99.999, 1)
        self.assertIsNone(client.server_clock())
        client.clock(now - 0.3, now - 0.1, round((now + 1000) * 1e6))
        client.clock(now - 0.02, now, round((now + 500) * 1e6))
        offset_us, error_us = client.server_clock()
        self.assertAlmostEqual(offset_us, 500_010_000, delta=5)
        self.assertAlmostEqual(error_us, 10_000, delta=5)
