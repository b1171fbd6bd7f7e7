"""What the tests share. In: scripts for a server, or the address of a real one. Out: servers, proxies and
polls that end with their test.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from hayate_client import ClosedError
from hayate_client.gen.hayate.v1.frame_pb2 import Frame
from hayate_client.gen.hayate.v1.message_pb2 import ClientMessage, Published, ServerMessage, Watching

EPOCH = 0x19B76DAA800ABCDE


def close_codes() -> dict[int, tuple[str, bool]]:
    """Code to its name and whether it is temporary, from the table of spec/wire.md."""
    text = pathlib.Path(os.environ["HAYATE_VECTORS"]).with_name("wire.md").read_text(encoding="utf-8")
    section = text.split("## Close codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d{4}) \| (\w+) \| (yes|no) \|", section, re.MULTILINE)
    return {int(code): (name, temporary == "yes") for code, name, temporary in rows}


async def until(what: str, condition: Callable[[], object], limit_s: float = 20.0) -> None:
    """Polls until the condition holds. Raises AssertionError, which names it, if it never does."""
    for _ in range(int(limit_s / 0.005)):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"gave up waiting for {what}")


class Peer:
    """The server's side of one connection, and what came on it."""

    def __init__(self, socket: ServerConnection, number: int) -> None:
        self.socket, self.number = socket, number
        self.messages: list[ClientMessage] = []

    @property
    def frames(self) -> list[Frame]:
        return [Frame.FromString(data) for message in self.messages for data in message.frames]

    def has(self, field: str) -> bool:
        return any(message.HasField(field) for message in self.messages)

    async def send(self, message: ServerMessage) -> None:
        await self.socket.send(message.SerializeToString())

    async def published(self, ticket: bytes = b"t1", epoch: int = EPOCH, next_sequence: int = 0) -> None:
        await self.send(ServerMessage(published=Published(
            epoch=epoch, generation=self.number, ticket=ticket, next_sequence=next_sequence)))

    async def watching(self, epoch: int = EPOCH, next_sequence: int = 0, frames: list[bytes] = []) -> None:
        await self.send(ServerMessage(frames=frames, watching=Watching(
            epoch=epoch, next_sequence=next_sequence, receipt_interval_ms=10)))


async def stay() -> None:
    """Does nothing until the connection has ended."""
    await asyncio.Event().wait()


class Script:
    """A server that plays `play` on each connection once its first message is there."""

    def __init__(self, play: Callable[[Peer], Awaitable[None]]) -> None:
        self.play = play
        self.peers: list[Peer] = []
        #: Answers to the upgrade requests to come, oldest first: a status and headers; then they succeed.
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.errors: list[BaseException] = []
        self.url = ""

    async def _serve(self, socket: ServerConnection) -> None:
        peer = Peer(socket, len(self.peers) + 1)
        with contextlib.suppress(ConnectionClosed):
            data = await socket.recv(decode=False)
            peer.messages.append(ClientMessage.FromString(bytes(data)))
            self.peers.append(peer)
            playing = asyncio.create_task(self._play(peer))
            try:
                async for data in socket:
                    assert isinstance(data, bytes), "a client sends binary messages only"
                    peer.messages.append(ClientMessage.FromString(data))
            finally:
                playing.cancel()
                await asyncio.wait({playing})

    async def _play(self, peer: Peer) -> None:
        try:
            await self.play(peer)
        except ConnectionClosed:
            pass
        except Exception as error:
            self.errors.append(error)

    def _answer(self, socket: ServerConnection, request: Request) -> Response | None:
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        response = socket.respond(HTTPStatus(status), "refused\n")
        for name, value in headers.items():
            response.headers[name] = value
        return response


@contextlib.asynccontextmanager
async def scripted(play: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[Script]:
    """Runs a scripted server on a free port; what its script raised fails the test."""
    script = Script(play)
    async with serve(script._serve, "127.0.0.1", 0, subprotocols=["hayate.v1"], compression=None,
                     ping_interval=None, process_request=script._answer, close_timeout=1) as server:
        script.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield script
    for error in script.errors:
        raise error


class Proxy:
    """A port that leads to another, and whose connections can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.cuts = 0
        self.url = ""
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Resets every connection, as a network does that disappears."""
        self.cuts += 1
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(*self.target)
            self._writers |= {writer, there_writer}
            await asyncio.gather(self._copy(reader, there_writer), self._copy(there_reader, writer))
            self._writers -= {writer, there_writer}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """Runs a proxy to the server at `url` (ws://host:port)."""
    host, port = url.removeprefix("ws://").split(":")
    proxy = Proxy(host, int(port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()


@contextlib.asynccontextmanager
async def running(awaitable: Awaitable[None]) -> AsyncIterator[asyncio.Task[None]]:
    """Runs a client beside the test, and ends it with the test."""
    task = asyncio.ensure_future(awaitable)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and not isinstance(task.exception(), ClosedError):
            task.result()
