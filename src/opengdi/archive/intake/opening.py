"""The header of an upload, opened as soon as its bytes are there."""

from __future__ import annotations

from dataclasses import dataclass

from opengdi.archive.intake.faults import Damaged, WrongKey
from opengdi.archive.keyring import Keyring
from opengdi.standards.crypt4gh import Header, HeaderReader, NoKeyFits
from opengdi.standards.faults import Malformed


@dataclass(frozen=True, slots=True)
class Opened:
    """The header of an upload: its bytes, and what it says to us."""

    raw: bytes
    header: Header


def check_header(first_bytes: bytes, keyring: Keyring) -> Opened | None:
    """The header that an upload begins with; None if it goes on beyond `first_bytes`.

    For whoever receives uploads: the first part of a file already tells whether we can open it.
    Raises WrongKey if none of our keys opens it, Damaged if it is no Crypt4GH header.
    """
    return HeaderGate(keyring).feed(first_bytes)


class HeaderGate:
    """Waits for the header in pieces split anywhere; what comes after it is `rest`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._reader = HeaderReader()
        self._seen_bytes = 0

    def feed(self, piece: bytes) -> Opened | None:
        """The header once it is complete. Raises WrongKey, Damaged."""
        self._seen_bytes += len(piece)
        try:
            if self._reader.feed(piece) is None:
                return None
            return Opened(self._reader.raw, self._keyring.open(self._reader.raw))
        except NoKeyFits as error:
            raise WrongKey(
                "the file is not encrypted to this archive's key "
                f"{self._keyring.current.private.public}: none of its header packets opens"
            ) from error
        except Malformed as error:
            raise Damaged(str(error)) from error

    @property
    def rest(self) -> bytes:
        """The first bytes of the body."""
        return self._reader.rest

    def ended(self) -> Damaged:
        """What to say if there is no more to feed and the header is not complete."""
        return Damaged(f"byte {self._seen_bytes}: the file ends within the Crypt4GH header")
