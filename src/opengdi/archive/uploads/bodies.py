"""Request bodies as an ASGI server hands them over, in chunks of a useful size; a break is told from an end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Final

from starlette.types import Receive

from opengdi.archive.uploads.faults import Broken
from opengdi.kernel.errors import Invalid

CHUNK_BYTES: Final = 512 * 1024
"""A server hands over 64 KiB at a time; hashing and writing cost a change of threads for each."""

CHUNK_S: Final = 1.0


async def chunks_of(receive: Receive, monotonic: Callable[[], float]) -> AsyncGenerator[bytes, None]:
    """The body in chunks of some 512 KiB, or of what came within a second. What has come is given out in any case.

    Raises Broken if the sender goes away, and whatever `receive` raises.
    """
    held = bytearray()
    began = monotonic()
    while True:
        try:
            message = await receive()
        except Exception:
            if held:
                yield bytes(held)
            raise
        held += message.get("body", b"")
        is_broken = message["type"] == "http.disconnect"
        is_last = is_broken or not message.get("more_body", False)
        if held and (is_last or len(held) >= CHUNK_BYTES or monotonic() - began > CHUNK_S):
            yield bytes(held)
            held, began = bytearray(), monotonic()
        if is_broken:
            raise Broken("the sender went away before the end of the body")
        if is_last:
            return


async def small_body(chunks: AsyncIterator[bytes], most_bytes: int) -> bytes:
    """All of a body that must be small. Raises Invalid."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > most_bytes:
            raise Invalid(f"the body of this request may have {most_bytes} bytes at most")
    return bytes(body)
