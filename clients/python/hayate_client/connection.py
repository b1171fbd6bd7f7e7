"""Connections of a client. In: a server, a stream and tokens. Out: messages, and how connections end.

A client uses one connection at a time. It returns by itself after temporary failures, and moves when
the server says GoAway. Source: spec/behaviour.md, "Connecting" (rules C1 to C10), "Clocks and latency".
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import ipaddress
import itertools
import math
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus,
                                   NegotiationError, ProxyError)
from websockets.typing import Subprotocol

from .gen.hayate.v1.message_pb2 import (END_REASON_LOST, ClientMessage, Ended, EndReason, Ping,
                                        ServerMessage)

ANSWER_S, SILENCE_S, LIVE_S, TICK_S = 10.0, 8.0, 5.0, 0.05
#: A token is renewed this long before it runs out; a fetch may take so long, and is tried again so soon.
RENEW_S, FETCH_S, RETRY_S = 60.0, 10.0, 2.0
#: Bytes of a message from the server: a current group of 257 frames, and as much again.
MESSAGE_BYTES_MAX = 2 * 257 * 65_536
#: Bytes that a socket may hold unsent before frames wait in the outbox instead.
UNSENT_BYTES_MAX = 65_536
NORMAL, LOST, TICKET_INVALID, TOKEN_EXPIRED = 1000, 1006, 4412, 4442
PERMANENT = frozenset({NORMAL, 1002, 1003, 1007, 1008, 1009, 1010, 4400, 4401, 4403, 4409, 4410,
                       TICKET_INVALID, 4413, 4414, 4415})


class Token(NamedTuple):
    """A JWT, opaque to the client, and when it runs out: Unix seconds, None if not known."""

    text: str
    expires_at: float | None = None


TokenSource = Callable[[], Awaitable[Token]]


@dataclass(frozen=True)
class Closed:
    """A connection ended, or an attempt failed (1006). `retry`: the client returns by itself."""

    code: int
    reason: str
    retry: bool
    retry_after_s: float = 0.0


class ClosedError(Exception):
    """The server closed for good; `code` as in spec/wire.md, "Close codes"."""

    def __init__(self, closed: Closed) -> None:
        super().__init__(f"closed with {closed.code}: {closed.reason or 'no reason given'}")
        self.code = closed.code


class _Socket(ClientConnection):
    """Notes when bytes came, WebSocket pings and pongs included."""

    heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        super().data_received(data)


class _Connect(connect):
    """Follows no redirect: the first message holds a token that is for one server."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Link:
    """One connection, from its first message to its close, which `run` gives."""

    def __init__(self, client: Client) -> None:
        self.client, self.answered_at, self.move_within_s = client, 0.0, -1.0
        self.socket: _Socket | None = None
        self.pings: dict[int, float] = {}
        self._ping_ids, self._ping_at = itertools.count(), 0.0
        self.renewal: asyncio.Task[None] | None = None
        self.run = asyncio.create_task(self._run())
        self.run.add_done_callback(lambda _: client.wake.set())

    async def send(self, message: ClientMessage) -> None:
        """Hands a message to the socket. If the connection has ended, `run` tells."""
        if self.socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self.socket.send(message.SerializeToString())

    def unsent_bytes(self) -> int:
        """Bytes that the socket holds."""
        return self.socket.transport.get_write_buffer_size() if self.socket else 0

    async def close(self) -> None:
        """Closes with 1000 and waits for the end, about a second at most."""
        if self.socket is None:
            self.run.cancel()
        else:
            await self.socket.close(NORMAL)
        await asyncio.wait({self.run})

    async def keep(self) -> None:
        """Pings, gives up a silent connection, and renews the token (rules C3, C4 and C10)."""
        now, left_s = time.monotonic(), self.client.token_left_s()
        if self.socket and now - max(min(self.pings.values(), default=now), self.socket.heard_at) > SILENCE_S:
            self.socket.transport.abort()
        if now >= self._ping_at:
            count = next(self._ping_ids)
            self.pings.pop(count - 64, None)
            self.pings[count], self._ping_at = now, now + (0.1 if count < 4 else 1.0)
            await self.send(ClientMessage(ping=Ping(id=count)))
        if left_s is not None and left_s < RENEW_S and (self.renewal is None or self.renewal.done()):
            self.renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        wait_s = RETRY_S
        with contextlib.suppress(OSError):
            await self.send(ClientMessage(token=(await self.client.token(renew=True)).text))
            wait_s = max(RETRY_S, (self.client.token_left_s() or 0) / 2)
        await asyncio.sleep(wait_s)

    async def _run(self) -> Closed:
        client = self.client
        try:
            token = await client.token()
            socket = await _Connect(
                f"{client.server}/{client.endpoint}", subprotocols=[Subprotocol("hayate.v1")],
                create_connection=_Socket, compression=None, ping_interval=None, close_timeout=1,
                open_timeout=ANSWER_S, max_size=MESSAGE_BYTES_MAX, write_limit=2 ** 20,
                proxy=None if client.is_local else True)
            assert isinstance(socket, _Socket)
            self.socket = socket
            if socket.subprotocol is None:
                raise NegotiationError("it does not speak hayate.v1")
        except (OSError, EOFError, InvalidHandshake) as error:
            return _closed(error)
        try:
            await self.send(client.hello(token.text))
            async with asyncio.timeout(ANSWER_S):
                while not self.answered_at:
                    self._receive(await socket.recv())
            while True:
                self._receive(await socket.recv())
        except (ConnectionClosed, DecodeError, TimeoutError) as error:
            return _closed(error)
        finally:
            if self.renewal is not None:
                self.renewal.cancel()
            socket.transport.abort()

    def _receive(self, data: str | bytes) -> None:
        client, now = self.client, time.monotonic()
        message = ServerMessage() if isinstance(data, str) else ServerMessage.FromString(data)
        if not self.answered_at and message.HasField(client.answer):
            self.answered_at = now
            client.use(self)
        if client.link is not self:
            return
        sent = self.pings.pop(message.pong.id, None) if message.HasField("pong") else None
        if sent is not None:
            client.clock(sent, now, message.pong.server_unix_us)
        if message.HasField("go_away") and self.move_within_s < 0:
            self.move_within_s = min(2.0, message.go_away.close_after_ms / 2000)
        client.take(message)
        client.wake.set()


class Client:
    """What a broadcaster and a viewer share. `run` lasts until the client is done."""

    endpoint = ""
    answer: Literal["published", "watching"]

    def __init__(self, server: str, stream: str, token: str | TokenSource,
                 on_event: Callable[[Any], None]) -> None:
        """`server`: wss://host. Raises ValueError for a URL that would expose the token.

        `token` is a JWT, or fetches one; OSError from it is temporary. `on_event` is called in order
        with each event; what it raises ends `run`.
        """
        url = urlsplit(server)
        self.is_local = url.hostname == "localhost" or _is_loopback(url.hostname or "")
        if url.scheme != "wss" and not (url.scheme == "ws" and self.is_local):
            raise ValueError("the server must be wss://, or ws:// on this machine")
        if url.query or url.fragment or url.username is not None:
            raise ValueError("the server's URL may hold no query, fragment or user")
        self.server, self.stream, self.on_event = server.rstrip("/"), stream, on_event
        self.link: Link | None = None
        self.wake, self.over = asyncio.Event(), False
        self._token = Token(token) if isinstance(token, str) else None
        self._fetch = None if isinstance(token, str) else token
        self._attempt, self._dial_at = 0, 0.0
        self._dialing: Link | None = None
        self._links: set[Link] = set()
        self._clock: deque[tuple[float, int, int]] = deque(maxlen=100)

    def hello(self, token: str) -> ClientMessage:
        """The first message of a connection."""
        raise NotImplementedError

    def take(self, message: ServerMessage) -> None:
        """A message on the connection in use; the first holds the answer to `hello`."""
        raise NotImplementedError

    async def pump(self) -> None:
        """Sends what is due; called every 50 ms, and whenever `wake` is set."""
        raise NotImplementedError

    def comes_back(self, code: int) -> bool:
        """Whether the client returns after a permanent close code all the same."""
        return False

    async def run(self) -> None:
        """Connects, and returns when the client is done. Raises ClosedError after a permanent close."""
        try:
            while not self.over:
                await self._step()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK_S):  # wait_for of Python 3.11 may swallow a cancel.
                        await self.wake.wait()
                self.wake.clear()
            if self.link is not None:
                await asyncio.wait({self.link.run}, timeout=2)  # The server closes after Ended.
        finally:
            links = [link.close() for link in self._links if not link.run.done()]
            await asyncio.gather(*links, return_exceptions=True)
        if self.link is not None:
            self.on_event(replace(self.link.run.result(), retry=False))

    def use(self, link: Link) -> None:
        """The connection that is dialled is answered: the client moves to it."""
        old, self.link, self._dialing = self.link, link, None
        if old is not None:
            self._closing = asyncio.create_task(old.close())

    async def token(self, renew: bool = False) -> Token:
        """The present token if it lasts, else a fresh one. Raises OSError."""
        left_s = self.token_left_s()
        if self._fetch and (renew or left_s is None or left_s < RENEW_S):
            async with asyncio.timeout(FETCH_S):
                self._token = await self._fetch()
        assert self._token is not None
        return self._token

    def token_left_s(self) -> float | None:
        """Seconds until the present token runs out; None if that is not known."""
        expires_at = self._token.expires_at if self._token and self._fetch else None
        return None if expires_at is None else expires_at - time.time()

    def clock(self, sent: float, now: float, server_unix_us: int) -> None:
        """Notes a round trip: monotonic seconds, and the server's clock."""
        trip_us = round((now - sent) * 1e6)
        self._clock.append((now, trip_us, server_unix_us + trip_us // 2 - round(now * 1e6)))

    def server_clock(self) -> tuple[int, int] | None:
        """The server's clock minus time.monotonic(), and its error, in microseconds: of the best
        round trip of the last minute."""
        recent = [(trip, offset) for at, trip, offset in self._clock if at > time.monotonic() - 60]
        return (min(recent)[1], (min(recent)[0] + 1) // 2) if recent else None

    async def _step(self) -> None:
        now = time.monotonic()
        for link in [link for link in self._links if link.run.done()]:
            self._ended(link)
        if self.link is not None and self.link.move_within_s >= 0 and self._dial_at == math.inf:
            if self._dialing is None:
                self._dial_at = now + random.uniform(0, self.link.move_within_s)
        if now >= self._dial_at and not self.over:
            self._dial_at, self._dialing = math.inf, Link(self)
            self._links.add(self._dialing)
        if self.link is not None:
            await self.link.keep()
        await self.pump()

    def _ended(self, link: Link) -> None:
        """Tells the application, and says when to connect again. Raises ClosedError if never."""
        self._links.discard(link)
        closed = link.run.result()
        is_dialled, is_used = link is self._dialing, link is self.link
        # The end of an old connection means nothing while a new one is on its way.
        moves = not is_dialled and (self._dialing is not None or not is_used)
        self.link = None if is_used else self.link
        self._dialing = None if is_dialled else self._dialing
        self.over = self.over or (closed.code == NORMAL and not moves)
        retry = moves or (not self.over and (closed.retry or self.comes_back(closed.code)))
        self.on_event(replace(closed, retry=retry))
        if not retry and not self.over:
            raise ClosedError(closed)
        if link.answered_at and time.monotonic() - link.answered_at > LIVE_S:
            self._attempt = 0
        if not moves:
            self._token = self._token if not self._fetch or closed.code != TOKEN_EXPIRED else None
            most = min(10.0, 0.25 * 2 ** min(self._attempt, 6))
            self._attempt += 1
            self._dial_at = time.monotonic() + max(random.uniform(most / 2, most), closed.retry_after_s)


def with_known_reason(ended: Ended) -> Ended:
    """`ended`, with LOST for a reason that this client does not know."""
    if ended.reason not in EndReason.values()[1:]:
        ended.reason = END_REASON_LOST
    return ended


def _closed(error: Exception) -> Closed:
    """How a connection ended that raised `error`."""
    match error:
        case ConnectionClosed(rcvd=frame) if frame is not None:
            return Closed(frame.code, frame.reason, frame.code not in PERMANENT)
        case InvalidStatus(response=response):
            status, after = response.status_code, response.headers.get("Retry-After", "")
            retry = status in (408, 425, 429) or status >= 500
            return Closed(LOST, f"the server answered with HTTP {status}", retry, _seconds(after))
    retry = not isinstance(error, InvalidHandshake) or isinstance(error, (InvalidMessage, ProxyError))
    return Closed(LOST, f"{type(error).__name__}: {error}", retry)


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _seconds(retry_after: str) -> float:
    """Retry-After (RFC 9110 section 10.2.3), seconds or a date, as seconds from now."""
    if retry_after.isdecimal():
        return float(retry_after)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    return 0.0
