"""A proxy in front of a broker, which cuts connections and refuses new ones until it is healed."""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType

from tests.messages.servers import Server

HOST = b"127.0.0.1"


class ChaosProxy:
    """Listens on a port of its own and hands bytes on. Kafka tells clients where its brokers are: that port is replaced."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def __aenter__(self) -> ChaosProxy:
        await self.heal()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()

    @property
    def url(self) -> str:
        return self._server.at(self.port)

    def cut(self) -> None:
        """Reset all connections, and refuse those that are tried."""
        self._listener.close()
        for writer in tuple(self._open):
            writer.transport.abort()

    async def heal(self) -> None:
        """Listen again, on the same port."""
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there, back = await asyncio.open_connection(self._server.host, self._server.port)
        self._open |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        own, shown = (HOST + struct.pack(">i", port) for port in (self._server.port, self.port))
        try:
            while data := await source.read(2**16):
                target.write(data.replace(own, shown) if self._server.rewritten else data)
                await target.drain()
        except OSError:
            pass
        finally:
            target.transport.abort()
            self._open.discard(target)
