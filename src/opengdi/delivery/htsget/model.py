"""What one address of data opens."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from opengdi.standards.htsget.planning import Numbered, Part
from opengdi.standards.htsget.recoding import Cut


class Mode(StrEnum):
    """How data are delivered."""

    PLAIN = "plain"
    EDIT_LIST = "a"
    FILLED = "b"
    FRESH = "c"


class Portion(StrEnum):
    """Which part of the answer; `WHOLE` is the file as it is, `ALL` is header, records and end."""

    WHOLE = "whole"
    HEADER = "header"
    BODY = "body"
    END = "end"
    HEADER_AND_END = "empty"
    ALL = "all"


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What one address opens. until: seconds since 1970. stop: of the answer's bytes, -1 for its end.

    exact: no record beside those asked for. recipient: raw public key, for encrypted answers. made: seconds since 1970;
    visas: ids of those that opened the file then; datasets: those of the file by which they did. regions: those whose
    records are picked out of the parts one by one, because they cannot be cut out (CRAM).
    """

    subject: str
    file_id: str
    until: int
    mode: Mode
    portion: Portion
    parts: tuple[tuple[int, ...], ...] = ()
    exact: bool = False
    recipient: bytes = b""
    first: int = 0
    stop: int = -1
    made: int = 0
    visas: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    regions: tuple[Numbered, ...] = ()

    def facts(self) -> tuple[bytes, ...]:
        """What the bytes of the answer depend on, beside the file; not on who has it until when, nor on the span."""
        asked = (self.mode.value, self.portion.value, self.parts, self.exact)
        picked = (msgspec.msgpack.encode(self.regions),) if self.regions else ()
        return msgspec.msgpack.encode(asked), self.recipient, *picked

    def wanted(self) -> list[Part]:
        """The parts as planning knows them."""
        return [
            Part(part[0], part[1], (part[2], part[3], part[4]) if len(part) == 5 else None)
            for part in self.parts
        ]

    def cut(self) -> Cut:
        """The parts of which records are picked, as containers of a CRAM."""
        return Cut(tuple((part[0] >> 16, part[1] >> 16) for part in self.parts), self.regions)


def packed(parts: Iterable[Part]) -> tuple[tuple[int, ...], ...]:
    """Parts as a grant holds them."""
    return tuple(
        (part.begin, part.end) if part.only is None else (part.begin, part.end, *part.only) for part in parts
    )
