"""An object store that keeps everything in memory, and looks at no signature: `python benchmarks/memory_store.py PORT`.

As much of S3 as uploads need: an object is put, and got again; anything else is answered with 200 and nothing.
"""

import asyncio
import contextlib
import sys

_kept: dict[str, bytes] = {}


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, for as many requests as come over it."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            (method, address), headers = _parsed(head)
            if headers.get("expect") == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if method == "PUT":
                _kept[address] = body
            found = _kept.get(address, b"") if method == "GET" else b""
            status = b"404 Not Found" if method == "GET" and address not in _kept else b"200 OK"
            writer.write(b'HTTP/1.1 %s\r\nContent-Length: %d\r\nETag: "0"\r\n\r\n' % (status, len(found)))
            writer.write(found)
    writer.close()


def _parsed(head: bytes) -> tuple[tuple[str, str], dict[str, str]]:
    """Method and path, without its query, and the headers by their names in lower case."""
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, address, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip().lower() if name.lower() == "expect" else value.strip()
    return (method, address.partition("?")[0]), headers


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=2**20)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(main(int(sys.argv[1])))
