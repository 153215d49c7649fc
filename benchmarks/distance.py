"""A relay on loopback that makes a server far away: every byte takes its time, none is lost.

It forwards Host as it came, so links in the answers lead back through the relay.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from urllib.parse import urlsplit


@contextmanager
def far_away(base_url: str, round_trip_s: float) -> Iterator[str]:
    """The address under which `base_url` is `round_trip_s` away, in a process of its own."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(base_url, round_trip_s / 2, there), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}{urlsplit(base_url).path}"
    finally:
        process.terminate()
        process.join()


def _serve(base_url: str, delay_s: float, tell: Connection) -> None:
    asyncio.run(_relay(urlsplit(base_url).port or 80, delay_s, tell))


async def _relay(port: int, delay_s: float, tell: Connection) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay_s)  # what opening a connection would have taken
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            _carry(reader, behind_writer, delay_s), _carry(behind_reader, writer, delay_s)
        )

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    tell.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """Pass bytes on, each `delay_s` after it came: later ones do not wait for earlier ones."""
    clock = asyncio.get_running_loop().time
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await on_the_way.get()
            await asyncio.sleep(due - clock())
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    delivering = asyncio.create_task(deliver())
    data = b"."
    while data:
        try:
            data = await reader.read(65536)
        except ConnectionError:
            data = b""
        on_the_way.put_nowait((clock() + delay_s, data))
    await delivering
