"""Crypt4GH side by side with the reference package: a file encrypted and decrypted, a header sealed for somebody else.

Both read the same file from the page cache, in this process, and write to a sink that takes everything.
"""

from __future__ import annotations

import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypt4gh import header as peer_header
from crypt4gh import lib as peer_lib

from opengdi.apps.commands.crypt4gh.streams import decrypt_stream, encrypt_stream, open_input
from opengdi.standards.crypt4gh import (
    DataKey,
    Header,
    PrivateKey,
    SegmentCipher,
    open_header,
    reencrypt_header,
    seal_header,
)

if TYPE_CHECKING:
    from bench.__main__ import Figure

PEER = "crypt4gh package"
MIB = 1024 * 1024
ROUNDS = 7
"""Ours and the peer's take turns, so that a noisy neighbour meets both; the median counts."""

Round = Callable[[], float]


def figures(*, quick: bool) -> list[Figure]:
    """`crypt4gh.encrypt`, `crypt4gh.decrypt`, `crypt4gh.reencrypt`, each per second of CPU of one thread."""
    size = (8 if quick else 512) * MIB
    with tempfile.TemporaryDirectory() as folder:
        files = _Files(Path(folder), size)
        return [
            _side_by_side("crypt4gh.encrypt", "MiB per CPU-second", files.encrypt, files.peer_encrypt),
            _side_by_side("crypt4gh.decrypt", "MiB per CPU-second", files.decrypt, files.peer_decrypt),
            _reencryption(200 if quick else 2000),
        ]


def _side_by_side(name: str, unit: str, ours: Round, peer: Round) -> Figure:
    ours(), peer()
    rounds = [(ours(), peer()) for _ in range(ROUNDS)]
    value, peer_value = (statistics.median(side) for side in zip(*rounds, strict=True))
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "peer": PEER,
        "peer_value": peer_value,
        "ratio": value / peer_value,
    }


class _Files:
    """A plain file and the same encrypted."""

    def __init__(self, folder: Path, size: int) -> None:
        self._plain, self._sealed = folder / "plain", folder / "sealed"
        self._mib = size / MIB
        self._key, self._reader = DataKey(os.urandom(32)), PrivateKey(os.urandom(32))
        with self._plain.open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        with self._sealed.open("wb") as file:
            self._encrypt_to(file)

    def encrypt(self) -> float:
        with Path(os.devnull).open("wb", buffering=0) as sink:
            return self._rate(lambda: self._encrypt_to(sink))

    def decrypt(self) -> float:
        with Path(os.devnull).open("wb", buffering=0) as sink:
            return self._rate(lambda: self._decrypt_to(sink))

    def peer_encrypt(self) -> float:
        with self._plain.open("rb") as source, Path(os.devnull).open("wb") as sink:
            keys = [(0, self._reader.reveal(), self._reader.public.raw)]
            return self._rate(lambda: peer_lib.encrypt(keys, source, sink))

    def peer_decrypt(self) -> float:
        with self._sealed.open("rb") as source, Path(os.devnull).open("wb") as sink:
            return self._rate(lambda: peer_lib.decrypt([(0, self._reader.reveal(), None)], source, sink))

    def _encrypt_to(self, sink: Any) -> None:
        with open_input(self._plain) as source:
            sink.write(seal_header(Header((self._key,)), [self._reader.public], self._reader, _nonce))
            encrypt_stream(source, sink, SegmentCipher([self._key]), _unheard)

    def _decrypt_to(self, sink: Any) -> None:
        with open_input(self._sealed) as source:
            raw = source.header()
            opened = open_header(raw, [self._reader]).header
            decrypt_stream(
                source, sink, SegmentCipher(opened.data_keys), _unheard, at=len(raw), edits=opened.edit_list
            )

    def _rate(self, work: Callable[[], object]) -> float:
        began = time.process_time()
        work()
        return self._mib / (time.process_time() - began)


def _reencryption(headers: int) -> Figure:
    """From reader to recipient, with the reader's key as the writer's, which is how the peer does it."""
    reader, recipient = PrivateKey(os.urandom(32)), PrivateKey(os.urandom(32)).public
    raw = seal_header(Header((DataKey(os.urandom(32)),)), [reader.public], reader, _nonce)

    def ours() -> float:
        began = time.process_time()
        for _ in range(headers):
            reencrypt_header(raw, [reader], [recipient], reader, _nonce)
        return headers / (time.process_time() - began)

    def peer() -> float:
        keys, recipients = [(0, reader.reveal(), None)], [(0, reader.reveal(), recipient.raw)]
        began = time.process_time()
        for _ in range(headers):
            packets = peer_header.parse(io.BytesIO(raw))
            peer_header.serialize(peer_header.reencrypt(packets, keys, recipients, trim=True))
        return headers / (time.process_time() - began)

    return _side_by_side("crypt4gh.reencrypt", "headers/s", ours, peer)


def _nonce() -> bytes:
    return os.urandom(12)


def _unheard(_size: int) -> None:
    return None
