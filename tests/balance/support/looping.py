"""Run as a process: an engine with one event loop, like Congress, which answers nothing while the loop is blocked.

usage: looping.py NODE_ID PORT UNWELL SECONDS: blocks for SECONDS after it begins to accept connections.
/busy/N: blocks the loop for N seconds, then answers. /wait/N: answers after N seconds without blocking.
/health: 503 while the file UNWELL exists. Each answer is the node's id. Prints the path of each request.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path

BACKLOG = 4096  # as in congress_runtime/patches/backlog.py


async def answer(
    node_id: str, unwell: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split()[1].decode()
        print(path, flush=True)
        _, what, *seconds = path.split("/")
        if what == "busy":
            time.sleep(float(seconds[0]))  # noqa: ASYNC251  it must block the loop
        elif what == "wait":
            await asyncio.sleep(float(seconds[0]))
        status = 503 if what == "health" and unwell.exists() else 200  # noqa: ASYNC240
        body = node_id.encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        print("gone", flush=True)
    writer.close()


async def main(node_id: str, port: str, unwell: str, seconds: str) -> None:
    listening = socket.create_server(("127.0.0.1", int(port)), backlog=BACKLOG)
    time.sleep(float(seconds))  # noqa: ASYNC251
    server = await asyncio.start_server(
        lambda reader, writer: answer(node_id, Path(unwell), reader, writer), sock=listening, backlog=BACKLOG
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
