"""Connections of a client. In: a server, a stream and tokens. Out: messages, and events for people.

A client has one connection in use; it returns by itself after what is temporary, and moves when the
server says GoAway. Source: spec/behaviour.md, "Connecting" (rules C1 to C10), "Clocks and latency".
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import ipaddress
import itertools
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.typing import Subprotocol

from .gen.hayate.v1.message_pb2 import ClientMessage, Ping, ServerMessage

log = logging.getLogger("hayate_client")
ANSWER_S, SILENCE_S, LIVE_S, TICK_S, RENEW_S = 10.0, 8.0, 5.0, 0.05, 60.0
#: Bytes of a message from the server: a current group of 257 frames, and as much again.
MESSAGE_BYTES_MAX = 2 * 257 * 65_536
NORMAL, LOST, SUPERSEDED, TICKET_INVALID, TOKEN_EXPIRED = 1000, 1006, 4409, 4412, 4442
PERMANENT = frozenset({NORMAL, 1002, 1003, 1007, 1008, 1009, 1010, 4400, 4401, 4403, 4409, 4410,
                       4412, 4413, 4414, 4415})


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
    """One connection, from its first message to its close."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answered_at: float | None = None
        self.answered, self.moving = asyncio.Event(), asyncio.Event()
        self.close_after_s = 0.0
        self.socket: _Socket
        self.pings: dict[int, float] = {}
        self.run = asyncio.create_task(self._run())

    async def send(self, message: ClientMessage) -> bool:
        """False if the connection has ended, which its task tells."""
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(message.SerializeToString())
            return True
        return False

    def is_idle(self) -> bool:
        """Whether the socket holds nothing unsent."""
        return self.socket.transport.get_write_buffer_size() == 0

    async def close(self) -> None:
        """Closes with 1000 and waits for the end, 2 s at most."""
        if not self.answered.is_set():
            self.run.cancel()
        else:
            await self.socket.close(NORMAL)
        await asyncio.wait({self.run})

    async def _run(self) -> Closed:
        """How it ended. Never raises but for faults of the application."""
        client = self.client
        try:
            token = await client.token()
            self.socket = await _Connect(  # type: ignore[assignment]
                f"{client.server}/{client.endpoint}", subprotocols=[Subprotocol("hayate.v1")],
                create_connection=_Socket, compression=None, ping_interval=None, close_timeout=1,
                open_timeout=ANSWER_S, max_size=MESSAGE_BYTES_MAX, proxy=client.proxy)
        except InvalidStatus as error:
            response = error.response
            status, after = response.status_code, response.headers.get("Retry-After", "")
            retry = status in (408, 425, 429) or status >= 500
            return Closed(LOST, f"the server answered with HTTP {status}", retry, _seconds(after))
        except (InvalidMessage, OSError, TimeoutError, EOFError) as error:
            return Closed(LOST, f"no connection: {error}", True)
        except InvalidHandshake as error:
            return Closed(LOST, f"not a Hayate server: {error}", False)
        tasks = [asyncio.create_task(task) for task in (self._ping(), self._renew())]
        try:
            self.socket.heard_at = self.opened_at = time.monotonic()
            if self.socket.subprotocol is None:
                return Closed(LOST, "the server does not speak hayate.v1", False)
            await self.send(client.hello(token.text))
            while True:
                limit = None if self.answered.is_set() else self.opened_at + ANSWER_S - time.monotonic()
                data = await asyncio.wait_for(self.socket.recv(), limit)
                try:
                    if isinstance(data, bytes):
                        self._receive(ServerMessage.FromString(data))
                except DecodeError:
                    log.warning("the server sent bytes that are not a ServerMessage")
                    return Closed(LOST, "a message could not be read", True)
        except ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (LOST, "lost")
            return Closed(code, reason, code not in PERMANENT)
        except TimeoutError:
            return Closed(LOST, "the first message was not answered", True)
        finally:
            for task in tasks:
                task.cancel()
            self.socket.transport.abort()

    def _receive(self, message: ServerMessage) -> None:
        client, now = self.client, time.monotonic()
        if not self.answered.is_set():
            if not message.HasField(client.answer):
                return
            self.answered_at = now
            self.answered.set()
            client.link = self
        if client.link is not self:
            return
        sent = self.pings.pop(message.pong.id, None) if message.HasField("pong") else None
        if sent is not None:
            client.clock(sent, now, message.pong.server_unix_us)
        if message.HasField("go_away") and not self.moving.is_set():
            self.close_after_s = message.go_away.close_after_ms / 1000
            self.moving.set()
        client.take(message)
        client.wake.set()

    async def _ping(self) -> None:
        await self.answered.wait()
        sending = asyncio.create_task(asyncio.sleep(0, True))
        for count in itertools.count():
            now = time.monotonic()
            waits_since = min(self.pings.values(), default=now)
            if now - max(waits_since, self.socket.heard_at) > SILENCE_S:
                log.warning("nothing came for %d s; the connection is given up", SILENCE_S)
                return self.socket.transport.abort()
            if sending.done() and len(self.pings) < 64:  # Else the socket takes nothing more.
                self.pings[count] = now
                sending = asyncio.create_task(self.send(ClientMessage(ping=Ping(id=count))))
            await asyncio.sleep(0.1 if count < 4 else 1.0)

    async def _renew(self) -> None:
        """Sends new tokens in-band; the present one stays in use while no other can be fetched."""
        await self.answered.wait()
        while (left := self.client.token_left_s()) is not None:
            await asyncio.sleep(max(1.0, left / 2 if left < 2 * RENEW_S else left - RENEW_S))
            with contextlib.suppress(OSError):
                token = await self.client.token(renew=True)
                await self.send(ClientMessage(token=token.text))


class Client:
    """What a broadcaster and a viewer share. `run` lasts until the client is done."""

    endpoint = answer = ""

    def __init__(self, server: str, stream: str, token: str | TokenSource,
                 on_event: Callable[[Any], None]) -> None:
        """`server`: wss://host. Raises ValueError for a URL that would expose the token.

        `token` is a JWT, or fetches one; OSError from it is temporary. `on_event` is called in order
        with each event; what it raises ends `run`.
        """
        url = urlsplit(server)
        local = url.hostname == "localhost" or _is_loopback(url.hostname or "")
        if url.scheme != "wss" and not (url.scheme == "ws" and local):
            raise ValueError("the server must be wss://, or ws:// on this machine")
        if url.query or url.fragment or url.username is not None:
            raise ValueError("the server's URL may hold no query, fragment or user")
        self.server, self.stream, self.on_event = server.rstrip("/"), stream, on_event
        self.proxy: Literal[True] | None = None if local else True
        self.link: Link | None = None
        self.wake, self.over = asyncio.Event(), asyncio.Event()
        self._source = token
        self._token: Token | None = Token(token) if isinstance(token, str) else None
        self._attempt = 0
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
        tasks = [asyncio.create_task(task) for task in (self._session(), self._tick())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            links = [link.close() for link in self._links]
            await asyncio.gather(*tasks, *links, return_exceptions=True)

    async def token(self, renew: bool = False) -> Token:
        """The present token if it lasts, else a fresh one."""
        left = self.token_left_s()
        if callable(self._source) and (renew or left is None or left < RENEW_S):
            self._token = await self._source()
        assert self._token is not None
        return self._token

    def token_left_s(self) -> float | None:
        """Seconds until the present token runs out; None if that is not known."""
        known = self._token is not None and callable(self._source)
        expires_at = self._token.expires_at if known and self._token else None
        return None if expires_at is None else expires_at - time.time()

    def clock(self, sent: float, now: float, server_unix_us: int) -> None:
        """Notes a round trip: monotonic seconds, and the server's clock."""
        trip_us = round((now - sent) * 1e6)
        self._clock.append((now, trip_us, server_unix_us + trip_us // 2 - round(now * 1e6)))

    def server_clock(self) -> tuple[int, int] | None:
        """Server clock minus time.monotonic(), and its error, in microseconds; of the best round
        trip of the last minute."""
        recent = [entry for entry in self._clock if entry[0] > time.monotonic() - 60]
        best = min(recent, key=lambda entry: entry[1], default=None)
        return None if best is None else (best[2], (best[1] + 1) // 2)

    async def _tick(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.wake.wait(), TICK_S)
            self.wake.clear()
            await self.pump()

    async def _session(self) -> None:
        link = await self._dial(0)
        while link is not None:
            await _first(link.run, link.moving, self.over)
            if self.over.is_set():
                await asyncio.wait({link.run}, timeout=2)
                await link.close()
            elif not link.run.done():
                pause = random.uniform(0, min(2.0, link.close_after_s / 2))
                await asyncio.wait({link.run}, timeout=pause)
            if link.run.done():
                wait = self._ended(link)
                link = None if wait is None else await self._dial(wait)
            else:  # The old connection continues, and its end means nothing, until the new one is answered.
                old, link = link, await self._dial(0)
                await old.close()
                self._ended(old, moved=True)

    async def _dial(self, wait: float | None) -> Link | None:
        """An answered connection, after `wait` seconds; None when the client is over."""
        while wait is not None:
            await _first(None, self.over, timeout=wait)
            if self.over.is_set():
                return None
            link = Link(self)
            self._links.add(link)
            await _first(link.run, link.answered, self.over)
            if link.answered.is_set():
                return link
            if not link.run.done():
                await link.close()
            wait = self._ended(link)
        return None

    def _ended(self, link: Link, moved: bool = False) -> float | None:
        """Tells the application, and how many seconds to wait; None when the client is over."""
        self._links.discard(link)
        if self.link is link:
            self.link = None
        closed = link.run.result()
        done = closed.code == NORMAL or self.over.is_set()
        retry = moved or (not done and (closed.retry or self.comes_back(closed.code)))
        self.on_event(replace(closed, retry=retry))
        if closed.code == TOKEN_EXPIRED and callable(self._source):
            self._token = None
        if not retry:
            if done:
                return None
            raise ClosedError(closed)
        if link.answered_at is not None and time.monotonic() - link.answered_at > LIVE_S:
            self._attempt = 0
        most = min(10.0, 0.25 * 2 ** min(self._attempt, 6))
        self._attempt += 0 if moved else 1
        return max(random.uniform(most / 2, most), closed.retry_after_s)


async def _first(task: asyncio.Task[Any] | None, *events: asyncio.Event,
                 timeout: float | None = None) -> None:
    """Waits until the task is done or one of the events is set."""
    waiters = {asyncio.create_task(event.wait()) for event in events}
    try:
        await asyncio.wait(waiters | ({task} if task else set()), timeout=timeout,
                           return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


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
