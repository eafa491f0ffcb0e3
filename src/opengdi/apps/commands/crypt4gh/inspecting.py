"""`gdi crypt4gh inspect`: what a Crypt4GH file says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.crypt4gh.options import PassphraseOption, SourceArgument, private_keys

if TYPE_CHECKING:
    from opengdi.apps.commands.crypt4gh.streams import Input
    from opengdi.standards.crypt4gh import OpenedHeader


def inspect(
    source: SourceArgument,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="Private key, to see what it opens; several allowed."),
    ] = None,
    passphrase_file: PassphraseOption = None,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of words.")] = False,
) -> None:
    """Show header, packets and sizes of FILE, and with a --key what it opens; no data key is shown."""
    from json import dumps

    from opengdi.apps.commands.crypt4gh.streams import open_input

    readers = private_keys(key or [], passphrase_file)
    with open_input(source) as given:
        raw = given.header()
        found = _structure(raw, _body_bytes(given, len(raw)))
        if readers:
            from opengdi.standards.crypt4gh import open_header

            found |= _contents(open_header(raw, readers), found["plain_bytes"])
    print(dumps(found, indent=2)) if json else _print(found)


def _structure(raw: bytes, body_bytes: int) -> dict[str, Any]:
    """What everybody can see."""
    from opengdi.standards.crypt4gh import CIPHER_SEGMENT, packets_of, plain_size

    packets = [
        {
            "offset": packet.offset,
            "bytes": len(packet.raw),
            "method": packet.method,
            "writer": str(packet.writer) if packet.writer else None,
        }
        for packet in packets_of(raw)
    ]
    return {
        "header_bytes": len(raw),
        "packets": packets,
        "body_bytes": body_bytes,
        "segments": -(-body_bytes // CIPHER_SEGMENT),
        "plain_bytes": plain_size(body_bytes, at=len(raw)),
    }


def _contents(opened: OpenedHeader, plain_bytes: int) -> dict[str, Any]:
    """What the readers of some packets can see besides."""
    edits = opened.header.edit_list
    return {
        "opened": [packet.offset for packet in opened.opened_packets],
        "data_keys": len(opened.header.data_keys),
        "edit_list": list(edits.lengths) if edits else None,
        "edited_bytes": edits.edited_size(plain_bytes) if edits else plain_bytes,
    }


def _body_bytes(given: Input, header_bytes: int) -> int:
    """Of a pipe by reading it to its end."""
    if given.size is not None:
        return given.size - header_bytes
    buffer, total = memoryview(bytearray(1 << 20)), 0
    while size := given.fill(buffer):
        total += size
    return total


def _print(found: dict[str, Any]) -> None:
    print(f"header: {found['header_bytes']} bytes, {len(found['packets'])} packets")
    for packet in found["packets"]:
        opened = (
            ""
            if "opened" not in found
            else ", opened"
            if packet["offset"] in found["opened"]
            else ", foreign"
        )
        print(
            f"  at {packet['offset']}: {packet['bytes']} bytes, writer {packet['writer'] or 'unknown'}{opened}"
        )
    print(f"body: {found['body_bytes']} bytes in {found['segments']} segments")
    print(f"plaintext: {found['plain_bytes']} bytes")
    if "data_keys" in found:
        print(f"data keys: {found['data_keys']}")
        edits = found["edit_list"]
        lengths = "none" if edits is None else ", ".join(str(length) for length in edits) or "empty"
        print(f"edit list: {lengths}; {found['edited_bytes']} bytes after it")
