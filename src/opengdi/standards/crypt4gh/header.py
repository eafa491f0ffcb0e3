"""The header: reading it from a stream, opening it, sealing it, and sealing it again for others.

Packets that do not open are for somebody else and no error; a header in which none opens to a data key is.
Spec: GA4GH Crypt4GH v1, "Header".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from opengdi.standards.crypt4gh.edit_list import EditList
from opengdi.standards.crypt4gh.hidden import KEY_BYTES, DataKey
from opengdi.standards.crypt4gh.x25519 import PrivateKey, PublicKey
from opengdi.standards.faults import Malformed, Unverified

MAGIC: Final = b"crypt4gh"
VERSION: Final = 1
""""The current version number is 1."."""

MOST_PACKETS: Final = 1024
LARGEST_PACKET_BYTES: Final = 64 * 1024
LARGEST_HEADER_BYTES: Final = 1024 * 1024
"""Limits of ours; the specification has none, and a hostile header must not fill our memory."""

X25519_CHACHA20_IETF_POLY1305: Final = 0
"""The one `Header_encryption_method`."""

DATA_ENCRYPTION_PARAMETERS: Final = 0
DATA_EDIT_LIST: Final = 1
"""The values of `Header_packet_type`."""

CHACHA20_IETF_POLY1305: Final = 0
"""The one `Data_encryption_method` of version 1."""

Nonces = Callable[[], bytes]
"""12 bytes at each call: "This value MUST be unique for each packet encrypted with the same reader's and
writer's keys." """

_START: Final = Struct("<8sII")
_FIRST_BYTES: Final = MAGIC + VERSION.to_bytes(4, "little")
_U32: Final = Struct("<I")
_PACKET_HEAD: Final = Struct("<II32s12s")
_METHOD_END: Final = 8
_MAC_BYTES: Final = 16
_TYPE_AND_WORD: Final = Struct("<II")


class NoKeyFits(Unverified):
    """None of the reader's keys opens a data key of this header."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says to its reader. Data segments may be under any of the keys."""

    data_keys: tuple[DataKey, ...]
    edit_list: EditList | None = None

    def __post_init__(self) -> None:
        if not self.data_keys:
            raise Malformed("a header without a data key")


@dataclass(frozen=True, slots=True)
class Packet:
    """A header packet as it stands in the file, still sealed."""

    offset: int
    raw: bytes

    @property
    def method(self) -> int:
        """The `Header_encryption_method`; only 0 is known."""
        return int.from_bytes(self.raw[4:8], "little")

    @property
    def writer(self) -> PublicKey | None:
        """Key of the writer, if the method is known."""
        if self.method != X25519_CHACHA20_IETF_POLY1305:
            return None
        return PublicKey(self.raw[_METHOD_END : _METHOD_END + KEY_BYTES])


@dataclass(frozen=True, slots=True)
class OpenedHeader:
    """A header, and which of its packets were ours."""

    header: Header
    opened_packets: tuple[Packet, ...]
    foreign_packets: tuple[Packet, ...]


class HeaderReader:
    """Collects a header from pieces split anywhere, and says at the first wrong byte that it is none."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._end = _START.size  # of what is known to belong to the header
        self._packets_left: int | None = None

    def feed(self, data: bytes | bytearray | memoryview) -> int | None:
        """Bytes of the header as soon as all of it is there, None while more is needed. Raises Malformed."""
        self._held += data
        while self._packets_left != 0:
            if self._packets_left is None:
                if not self._read_start():
                    return None
            elif not self._read_packet_length():
                return None
        return None if self.needed else self._end

    @property
    def needed(self) -> int:
        """Bytes that are missing at least before `feed` can tell more; 0 when the header is complete."""
        upto = self._end + (_U32.size if self._packets_left else 0)
        return max(0, upto - len(self._held))

    @property
    def raw(self) -> bytes:
        """The complete header. Raises ValueError before it is."""
        if self._packets_left != 0 or self.needed:
            raise ValueError("the header is not complete yet")
        return bytes(memoryview(self._held)[: self._end])

    @property
    def rest(self) -> bytes:
        """What was fed beyond the header: the first bytes of the body."""
        return bytes(memoryview(self._held)[self._end :])

    def _read_start(self) -> bool:
        start = bytes(self._held[: len(_FIRST_BYTES)])
        if not _FIRST_BYTES.startswith(start):
            raise Malformed(_wrong_start(start))
        if len(self._held) < _START.size:
            return False
        packets: int = _START.unpack_from(self._held)[2]
        if not 1 <= packets <= MOST_PACKETS:
            raise Malformed(f"byte 12: {packets} header packets; 1 to {MOST_PACKETS} are accepted")
        self._packets_left = packets
        return True

    def _read_packet_length(self) -> bool:
        at = self._end
        if len(self._held) < at + _U32.size:
            return False
        (length,) = _U32.unpack_from(self._held, at)
        if not _METHOD_END <= length <= LARGEST_PACKET_BYTES:
            raise Malformed(
                f"byte {at}: a header packet of {length} bytes; {_METHOD_END} to {LARGEST_PACKET_BYTES} are accepted"
            )
        if at + length > LARGEST_HEADER_BYTES:
            raise Malformed(f"byte {at}: the header is larger than {LARGEST_HEADER_BYTES} bytes")
        self._end += length
        assert self._packets_left is not None
        self._packets_left -= 1
        return True


def header_length(prefix: bytes | bytearray | memoryview) -> int | None:
    """Bytes of the header that `prefix` begins with; None if it goes on beyond `prefix`. Raises Malformed."""
    return HeaderReader().feed(prefix)


def packets_of(raw: bytes) -> list[Packet]:
    """The packets of a whole header. Raises Malformed, also for bytes after the last packet."""
    length = header_length(raw)
    if length is None:
        raise Malformed(f"byte {len(raw)}: the header ends in the middle")
    if length < len(raw):
        raise Malformed(f"byte {length}: {len(raw) - length} bytes follow the header")
    return list(_walk(raw))


def open_header(raw: bytes, readers: Sequence[PrivateKey]) -> OpenedHeader:
    """What a whole header says to any of `readers`.

    Raises NoKeyFits (an Unverified) if none of them opens a data key, and Malformed for a header that breaks the
    specification: "If more than one edit list is present, the file SHOULD be rejected", which it is.
    """
    opener = _Opener(readers)
    opened: list[Packet] = []
    foreign: list[Packet] = []
    for packet in packets_of(raw):
        (opened if opener.take(packet) else foreign).append(packet)
    return OpenedHeader(opener.header(len(foreign)), tuple(opened), tuple(foreign))


def seal_header(header: Header, recipients: Sequence[PublicKey], writer: PrivateKey, nonces: Nonces) -> bytes:
    """The bytes of a header that each of `recipients` can open.

    writer: a key for this header alone; "writers MAY choose to discard the writer's secret key after use".
    Raises Malformed without recipients, for a recipient's key of small order, and beyond the limits.
    """
    if not recipients:
        raise Malformed("no recipient: a header that nobody can open")
    return _assemble([*_sealed(header, recipients, writer, nonces)])


def reencrypt_header(
    raw: bytes,
    readers: Sequence[PrivateKey],
    recipients: Sequence[PublicKey],
    writer: PrivateKey,
    nonces: Nonces,
    *,
    keep_foreign: bool = False,
) -> bytes:
    """A header for `recipients` over the same body: all data keys and the edit list are kept.

    keep_foreign: leave packets that did not open where they are; else only `recipients` can read.
    Raises as `open_header` and `seal_header` do.
    """
    if not recipients:
        raise Malformed("no recipient: a header that nobody else can open")
    opened = open_header(raw, readers)
    kept = [packet.raw for packet in opened.foreign_packets] if keep_foreign else []
    return _assemble([*kept, *_sealed(opened.header, recipients, writer, nonces)])


class _Opener:
    """Gathers what packets say to a set of readers."""

    def __init__(self, readers: Sequence[PrivateKey]) -> None:
        self._readers = readers
        self._ciphers: dict[tuple[int, bytes], ChaCha20Poly1305 | None] = {}
        self._data_keys: list[DataKey] = []
        self._edit_lists: dict[int, EditList] = {}  # by number of the reader

    def take(self, packet: Packet) -> bool:
        """True if the packet was for one of us. Raises Malformed."""
        for reader in range(len(self._readers)):
            payload = self._payload(packet, reader)
            if payload is not None:
                self._take_payload(payload, reader, packet.offset)
                return True
        return False

    def header(self, foreign: int) -> Header:
        if not self._data_keys:
            raise NoKeyFits(
                f"no private key of the {len(self._readers)} given opens this header: "
                f"its packets ({foreign}) are for other readers"
            )
        edit_lists = list(self._edit_lists.values())
        if any(edit_list != edit_lists[0] for edit_list in edit_lists):
            raise Malformed("the header has different edit lists for two of the keys; only one is permitted")
        return Header(tuple(self._data_keys), edit_lists[0] if edit_lists else None)

    def _payload(self, packet: Packet, reader: int) -> bytes | None:
        """None if the packet does not open: "Implementations should ignore any header packets that they cannot
        decrypt successfully".
        """
        if packet.method != X25519_CHACHA20_IETF_POLY1305 or len(packet.raw) < _PACKET_HEAD.size + _MAC_BYTES:
            return None
        _, _, writer, nonce = _PACKET_HEAD.unpack_from(packet.raw)
        cipher = self._cipher(reader, writer)
        if cipher is None:
            return None
        try:
            return cipher.decrypt(nonce, memoryview(packet.raw)[_PACKET_HEAD.size :], None)
        except InvalidTag:
            return None

    def _cipher(self, reader: int, writer: bytes) -> ChaCha20Poly1305 | None:
        """The cipher between the two, worked out once for all packets of a writer."""
        known = (reader, writer)
        if known not in self._ciphers:
            try:
                shared = self._readers[reader].shared_as_reader(PublicKey(writer))
                self._ciphers[known] = ChaCha20Poly1305(shared)
            except Malformed:
                self._ciphers[known] = None
        return self._ciphers[known]

    def _take_payload(self, payload: bytes, reader: int, offset: int) -> None:
        kind, word = _words(payload, offset)
        if kind == DATA_ENCRYPTION_PARAMETERS:
            key = _data_key(payload, word, offset)
            if key not in self._data_keys:  # a header for two of our readers says each key twice
                self._data_keys.append(key)
        elif kind == DATA_EDIT_LIST:
            if reader in self._edit_lists:
                raise Malformed(f"byte {offset}: a second edit list; only one is permitted")
            self._edit_lists[reader] = _edit_list(payload, word, offset)
        else:
            raise Malformed(f"byte {offset}: header packet of unknown type {kind}; 0 and 1 are known")


def _walk(raw: bytes) -> Iterator[Packet]:
    at = _START.size
    while at < len(raw):
        (length,) = _U32.unpack_from(raw, at)
        yield Packet(at, raw[at : at + length])
        at += length


def _wrong_start(start: bytes) -> str:
    if start[: len(MAGIC)] != MAGIC[: len(start)]:
        return "byte 0: not a Crypt4GH file: it does not begin with `crypt4gh`"
    version = int.from_bytes(start[len(MAGIC) :], "little")
    return f"byte {len(MAGIC)}: Crypt4GH version {version}; only version {VERSION} is known"


def _words(payload: bytes, offset: int) -> tuple[int, int]:
    """Type of a packet and the number after it: a method or a count."""
    if len(payload) < _TYPE_AND_WORD.size:
        raise Malformed(
            f"byte {offset}: a header packet with {len(payload)} bytes in it; at least 8 are needed"
        )
    kind, word = _TYPE_AND_WORD.unpack_from(payload)
    return kind, word


def _data_key(payload: bytes, method: int, offset: int) -> DataKey:
    if method != CHACHA20_IETF_POLY1305:
        raise Malformed(
            f"byte {offset}: data encryption method {method}; only 0 (chacha20_ietf_poly1305) is known"
        )
    key = payload[_TYPE_AND_WORD.size : _TYPE_AND_WORD.size + KEY_BYTES]
    if len(key) != KEY_BYTES:
        raise Malformed(f"byte {offset}: a data key of {len(key)} bytes; {KEY_BYTES} are needed")
    return DataKey(key)


def _edit_list(payload: bytes, count: int, offset: int) -> EditList:
    if _TYPE_AND_WORD.size + 8 * count > len(payload):
        raise Malformed(f"byte {offset}: an edit list of {count} lengths in a packet too short for them")
    return EditList(Struct(f"<{count}Q").unpack_from(payload, _TYPE_AND_WORD.size))


def _sealed(
    header: Header, recipients: Sequence[PublicKey], writer: PrivateKey, nonces: Nonces
) -> Iterator[bytes]:
    """Each packet for each recipient; one who is named twice gets them once."""
    payloads = [_data_key_payload(key) for key in header.data_keys]
    if (
        header.edit_list is not None and header.edit_list.lengths
    ):  # an empty one says nothing, and peers trip on it
        payloads.append(_edit_list_payload(header.edit_list))
    for recipient in dict.fromkeys(recipients):
        cipher = ChaCha20Poly1305(writer.shared_as_writer(recipient))
        for payload in payloads:
            nonce = nonces()
            sealed = cipher.encrypt(nonce, payload, None)
            length = _PACKET_HEAD.size + len(sealed)
            yield _PACKET_HEAD.pack(length, X25519_CHACHA20_IETF_POLY1305, writer.public.raw, nonce) + sealed


def _data_key_payload(key: DataKey) -> bytes:
    return _TYPE_AND_WORD.pack(DATA_ENCRYPTION_PARAMETERS, CHACHA20_IETF_POLY1305) + key.reveal()


def _edit_list_payload(edit_list: EditList) -> bytes:
    count = len(edit_list.lengths)
    return Struct(f"<II{count}Q").pack(DATA_EDIT_LIST, count, *edit_list.lengths)


def _assemble(packets: list[bytes]) -> bytes:
    """Raises Malformed beyond the limits, which a reader would not accept."""
    raw = b"".join((_START.pack(MAGIC, VERSION, len(packets)), *packets))
    header_length(raw)
    return raw
