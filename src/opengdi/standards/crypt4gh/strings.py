"""Strings that stand after their lengths, as key files hold them."""

from __future__ import annotations

from dataclasses import dataclass

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

    def next(self, what: str) -> bytes:
        """The next string. Raises Malformed."""
        began = self.at
        length = self.number(self.width, what)
        return self.take(length, what, began)

    def number(self, size: int, what: str) -> int:
        """The next number, of `size` bytes. Raises Malformed."""
        return int.from_bytes(self.take(size, what, self.at), "big")

    def take(self, size: int, what: str, began: int) -> bytes:
        """The next `size` bytes of something that began at `began`. Raises Malformed."""
        taken = self.blob[self.at : self.at + size]
        if len(taken) < size:
            raise Malformed(f"byte {began} of the decoded key: it ends within the {what}")
        self.at += size
        return taken
