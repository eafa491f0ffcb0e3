"""Strings that stand after their lengths, as key files hold them."""

from __future__ import annotations

from dataclasses import dataclass, field

from opengdi.standards.faults import Malformed


@dataclass
class Strings:
    """Reads from `blob`, from `at` on; lengths and numbers are big-endian.

    Every error names the byte, never what stands there: it may be a key.
    """

    blob: bytes
    width: int
    """Bytes of a length."""
    at: int = 0
    of: str = "the decoded key"
    """What the bytes are, for messages."""
    _places: dict[str, int] = field(default_factory=dict)

    def next(self, what: str) -> bytes:
        """The next string. Raises Malformed."""
        began = self.at
        length = self.number(self.width, what)
        found = self._take(length, what, began)
        self._places[what] = began
        return found

    def number(self, size: int, what: str) -> int:
        """The next number, of `size` bytes. Raises Malformed."""
        self._places[what] = self.at
        return int.from_bytes(self._take(size, what, self.at), "big")

    def wrong(self, what: str, why: str) -> Malformed:
        """A fault of something that was read."""
        return Malformed(f"byte {self._places[what]} of {self.of}: {why}")

    def _take(self, size: int, what: str, began: int) -> bytes:
        """The next `size` bytes of something that began at `began`. Raises Malformed."""
        taken = self.blob[self.at : self.at + size]
        if len(taken) < size:
            raise Malformed(f"byte {began} of {self.of}: it ends within the {what}")
        self.at += size
        return taken
