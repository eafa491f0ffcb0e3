"""The serving index: one RocksDB for all releases of a node. Derived from the truth, may be deleted at any time.

Spaces by first byte: 1, 2 alleles of an assembly (see `rows`) · 17, 18 long alleles of an assembly by bin ·
48 genes by annotation · 49 statistics. One process writes; building a release's files happens aside (`sst`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, KeysView, Sequence
from itertools import chain
from pathlib import Path
from struct import Struct
from typing import Any, Final, Self, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    IngestExternalFileOptions,
    Options,
    Rdict,
    WriteBatch,
)

from opengdi.discovery.variants.rows import NUMBER, number_bytes
from opengdi.discovery.variants.statistics import ContigStatistics
from opengdi.kernel.errors import Unavailable
from opengdi.standards.coordinates import Assembly

_LONG_SPACE: Final = 16
_GENES: Final = b"\x30"
_STATISTICS: Final = b"\x31"
_REMOVALS: Final = b"\x32"
_BIN: Final = Struct(">BBI")
_EXTENT_KEY: Final = Struct(">IB")

_SMALLEST_BIN_BITS: Final = 14
_BIN_LEVELS: Final = 6
"""Bins of 16 kb, 128 kb, 1 Mb, 8 Mb, 64 Mb and 512 Mb, numbered as UCSC and BAI do: level by level from the top."""

SHORT_SPAN: Final = 1_000
"""Alleles that span more bases than this are also found by bins; a range looks so far back for the others."""
BLOCK_BYTES: Final = 4 * 1024
"""Unpacked. Measured over a cache that is too small: a point costs 6.5 µs, 8.3 µs with twice that and 3 % less disk."""
_REMEDY: Final = "if no other process uses it, `gdi node reindex` builds it anew"
REMOVAL_STEP: Final = 5_000
"""Rows looked at between two breaths while a release is removed: about 2 ms."""


def _bin_offset(level: int) -> int:
    """Number of the first bin of a level; level 0 has the smallest bins."""
    return ((1 << 3 * (_BIN_LEVELS - 1 - level)) - 1) // 7


def bin_of(start: int, end: int) -> int:
    """The smallest bin that holds `[start, end)` whole. Spec: SAMv1 §5.3, with six levels."""
    last = max(start, end - 1)
    for level in range(_BIN_LEVELS):
        bits = _SMALLEST_BIN_BITS + 3 * level
        if start >> bits == last >> bits:
            return _bin_offset(level) + (start >> bits)
    return 0


def bins_over(position: int) -> list[int]:
    """The bins, one per level, that hold a position."""
    return [_bin_offset(level) + (position >> _SMALLEST_BIN_BITS + 3 * level) for level in range(_BIN_LEVELS)]


def long_prefix(assembly: Assembly, contig_code: int, bin_number: int) -> bytes:
    return _BIN.pack(_LONG_SPACE + assembly, contig_code, bin_number)


def long_key(assembly: Assembly, start: int, end: int, site_key: bytes) -> bytes:
    """Key of a long allele in its bin: after the bin stands what follows the assembly in its key among all alleles."""
    return long_prefix(assembly, int.from_bytes(site_key[1:9]) >> 58, bin_of(start, end)) + site_key[1:]


def site_key_of_long(key: bytes) -> bytes:
    return bytes([key[0] - _LONG_SPACE]) + key[_BIN.size :]


def gene_prefix(symbol: str) -> bytes:
    return _GENES + symbol.upper().encode() + b"\x00"


def gene_key(symbol: str, number: int, contig_code: int) -> bytes:
    return gene_prefix(symbol) + _EXTENT_KEY.pack(number, contig_code)


def statistics_key(number: int, contig_code: int) -> bytes:
    """`contig_code` 0 is the entry by which a release is known to be there whole."""
    return _STATISTICS + _EXTENT_KEY.pack(number, contig_code)


def table_options() -> Options:
    """Options of an index file, the same aside and in the index."""
    options = Options(raw_mode=True)
    blocks = BlockBasedOptions()
    blocks.set_block_size(BLOCK_BYTES)
    blocks.set_format_version(5)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.lz4())
    return options


def _database_options(cache_bytes: int) -> Options:
    options = Options(raw_mode=True)
    blocks = BlockBasedOptions()
    blocks.set_block_size(BLOCK_BYTES)
    blocks.set_format_version(5)
    blocks.set_block_cache(Cache(cache_bytes))
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.lz4())
    options.create_if_missing(create_if_missing=True)
    options.set_level_compaction_dynamic_level_bytes(True)
    options.set_write_buffer_size(4 << 20)
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    options.set_target_file_size_base(64 << 20)
    return options


class _End:
    """What an iterator of the binding goes over into: it ends silently where a block cannot be read.

    No reader gets to the end otherwise, because the entries of a release stand behind all alleles and genes.
    """

    def __init__(self, index: SiteIndex) -> None:
        self._index = index

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[bytes, bytes]:
        if self._index.held:
            raise self._index.damaged("a block cannot be read")
        raise StopIteration


class SiteIndex:
    """An open index. Reading is free to any thread; `take_in` and `remove` are for the serving process only.

    Removing a release happens in an order that no reader can trip over: it is forgotten first, then its rows go.
    A reader that opens its scans before it asks `holds` therefore sees all rows of a release or is told it is gone.
    """

    damage: str
    """What was found to be wrong with it, for readiness; empty if nothing was."""

    def __init__(self, folder: Path, *, cache_bytes: int = 64 << 20) -> None:
        """Raises Unavailable if the folder does not open, for instance because another process serves from it."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # Without column_families the options of the day when the index was made would be in force again.
            options = _database_options(cache_bytes)
            self._db = cast(Any, Rdict(str(folder), options, column_families={"default": options}))
            self.folder = folder
            self.damage = ""
            self._statistics: dict[int, dict[int, ContigStatistics]] = {}
            self._statistics = self._read_statistics()
        except Exception as error:  # the binding raises bare Exception
            raise Unavailable(f"the index {folder} does not open: {error}; {_REMEDY}") from error
        self._end = _End(self)
        self._closing = threading.Event()

    def rows_from(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and rows of the spaces of alleles and genes from `key` on, for a reader that knows where it stops.

        Raises Unavailable, at once or later, where a block of the index cannot be read.
        """
        try:
            return chain(self._db.items(from_key=key), self._end)
        except Exception as error:  # the binding raises bare Exception
            raise self.damaged(str(error)) from error

    def row(self, key: bytes) -> bytes | None:
        """The row of an allele under its whole key: half the time of the first one that `rows_from` gives.

        Raises Unavailable where a block of the index cannot be read.
        """
        try:
            row: bytes | None = self._db.get(key)
        except Exception as error:  # the binding raises bare Exception
            raise self.damaged(str(error)) from error
        return row

    def damaged(self, reason: str) -> Unavailable:
        """The error to raise, once the damage is noted."""
        self.damage = f"the index {self.folder} is damaged: {reason}; {_REMEDY}"
        return Unavailable(self.damage)

    def holds(self, number: int) -> bool:
        """True if all rows of a release are here and it is not being removed."""
        return number in self._statistics

    @property
    def held(self) -> KeysView[int]:
        """Numbers of the releases that it holds."""
        return self._statistics.keys()

    def statistics(self, number: int) -> dict[int, ContigStatistics]:
        """By contig code; empty for a release that is not here."""
        return self._statistics.get(number, {})

    def gene_extents(self, symbol: str) -> Iterator[tuple[int, int, int, int]]:
        """`(release number, contig code, start, end)` of a gene by annotation."""
        prefix = gene_prefix(symbol)
        for key, value in self.rows_from(prefix):
            if not key.startswith(prefix):
                return
            number, code = _EXTENT_KEY.unpack_from(key, len(prefix))
            start, end = value.split(b"-")
            yield number, code, int(start), int(end)

    def take_in(self, number: int, files: Sequence[Path]) -> None:
        """Move a release's files in, all at once. Raises Unavailable if the index does not take them."""
        if not self.holds(number):
            options = IngestExternalFileOptions()
            options.set_move_files(True)
            try:
                self._db.ingest_external_file([str(file) for file in files], options)
                self._statistics = self._read_statistics()
            except Exception as error:  # the binding raises bare Exception
                raise self.damaged(str(error)) from error

    def remove(self, number: int) -> None:
        """Forget a release and delete its rows, a few at a time; goes on where it stopped if it was interrupted."""
        marker = _REMOVALS + number_bytes(number)
        self._db[marker] = b""
        self._statistics = {known: each for known, each in self._statistics.items() if known != number}
        for batch in self._batches_of(number):
            if self._closing.wait(0.001):  # lets questions have the interpreter
                return
            self._db.write(batch)
        del self._db[marker]

    def unfinished_removals(self) -> list[int]:
        """Releases whose rows an earlier process began to delete."""
        entries = self._entries_from(_REMOVALS)
        return [int.from_bytes(key[1:5]) for key, _ in entries if key.startswith(_REMOVALS)]

    def compact(self) -> None:
        """Merge what lies in layers into one; reading is fastest afterwards."""
        self._db.compact_range(None, None)

    def close(self) -> None:
        self._closing.set()
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entries_from(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All entries from `key` to the end. Raises Exception, as the binding does, where a block cannot be read."""
        entries = self._db.iter()
        entries.seek(key)
        while entries.valid():
            yield entries.key(), entries.value()
            entries.next()
        entries.status()

    def _read_statistics(self) -> dict[int, dict[int, ContigStatistics]]:
        found: dict[int, dict[int, ContigStatistics]] = {}
        for key, value in self._entries_from(_STATISTICS):
            if not key.startswith(_STATISTICS):
                break
            number, code = _EXTENT_KEY.unpack_from(key, 1)
            contigs = found.setdefault(number, {})
            if code:
                contigs[code] = ContigStatistics.unpacked(value)
        return {number: each for number, each in found.items() if number not in self.unfinished_removals()}

    def _batches_of(self, number: int) -> Iterator[WriteBatch]:
        batch, wanted = WriteBatch(raw_mode=True), number_bytes(number)
        for seen, (key, _) in enumerate(self._entries_from(b""), start=1):
            if _number_in(key) == wanted:
                batch.delete(key)
            if seen % REMOVAL_STEP == 0:
                yield batch
                batch = WriteBatch(raw_mode=True)
        yield batch


def _number_in(key: bytes) -> bytes:
    """The release number in a key of any space."""
    space = key[0]
    if space < _LONG_SPACE:
        return key[NUMBER]
    if space < _GENES[0]:
        return key[_BIN.size + 8 : _BIN.size + 12]
    return key[-5:-1] if space < _REMOVALS[0] else b""
