"""CRAM for callers with visas for regions: nodes that hold it, and records as CRAM keeps them. For every suite."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import crypt4gh.lib
import pysam
from tests.htsget_kit import ENCRYPTED, KEY, READER, Delivering, ask, fetch
from tests.indexed_files import IndexedFile, Record

from opengdi.standards.coordinates import Interval

Window = tuple[str, int, int]
WINDOW: Window = ("11", 5_015_000, 5_050_000)
ASKED = {"referenceName": WINDOW[0], "start": WINDOW[1], "end": WINDOW[2]}
EVERYWHERE = (Interval("11", 0, 2**31 - 1), Interval("20", 0, 2**31 - 1))


def holding(*regions: Interval, **files: IndexedFile) -> Delivering:
    """A node where the caller `REGIONAL` may have `regions` of the files."""
    node = Delivering(regions=regions or EVERYWHERE)
    for name, file in files.items():
        node.files.hold(name, file.data, file_format=file.format, index=file.index)
    return node


def decrypted(data: bytes) -> bytes:
    plain = io.BytesIO()
    crypt4gh.lib.decrypt([(0, READER.reveal(), None)], io.BytesIO(data), plain)
    return plain.getvalue()


def asked_of(window: Window) -> dict[str, Any]:
    return dict(zip(("referenceName", "start", "end"), window, strict=True))


def alike(lines: Iterable[str]) -> list[list[str]]:
    """Records, as text, as CRAM keeps them: tags in any order, and no alignment of a read that is not mapped."""
    records = [line.split("\t") for line in lines]
    for record in records:
        record[5] = "*" if int(record[1]) & 4 else record[5]
    return [[*record[:11], *sorted(record[11:])] for record in records]


def texts(records: Iterable[Record]) -> list[list[str]]:
    """The same of records that were read."""
    return alike(record.text for record in records)


async def both(client, name: str, **asked) -> list[bytes]:
    """The same in the clear and encrypted, decrypted."""
    plain = await fetch(client, f"reads/{name}", **asked)
    if "body" in asked:
        asked["body"] = asked["body"] | ENCRYPTED
    else:
        asked |= ENCRYPTED
    return [plain.data, decrypted((await fetch(client, f"reads/{name}", headers=KEY, **asked)).data)]


async def error_of(client, name: str, **asked) -> tuple[int, str, str]:
    answer = await ask(client, f"reads/{name}", **asked)
    said = answer.json()["htsget"]
    return answer.status_code, said["error"], said["message"]


def write_reads(
    path: Path, references: Mapping[str, str], fasta: Path, *, uri: str, step: int = 7, **options: Any
) -> IndexedFile:
    """An indexed CRAM of what differs from a reference: reads, two of a name, with a base that is another.

    fasta: the references by name as a file, which gets an index beside it; uri: where the header says that it is.
    """
    fasta.write_text("".join(f">{name}\n{bases}\n" for name, bases in references.items()))
    pysam.faidx(str(fasta))
    rng = random.Random(5)
    lines = [
        {"SN": name, "LN": len(bases), "M5": hashlib.md5(bases.encode()).hexdigest(), "UR": uri}
        for name, bases in references.items()
    ]
    header = {
        "HD": {"VN": "1.6", "SO": "coordinate"},
        "SQ": lines,
        "RG": [{"ID": "a"}, {"ID": "b", "SM": "x"}],
    }
    with pysam.AlignmentFile(
        str(path), "wc", header=header, reference_filename=str(fasta), **options
    ) as file:
        for number, (name, bases) in enumerate(references.items()):
            for start in range(0, len(bases) - 400, step):
                read = pysam.AlignedSegment(file.header)
                read.query_name, read.reference_id, read.reference_start = (
                    f"{name}.{start // (2 * step)}",
                    number,
                    start,
                )
                text = list(bases[start : start + 90])
                text[rng.randrange(90)] = rng.choice("ACGTN")
                read.query_sequence, read.cigarstring = "".join(text), "90M"
                read.set_tag("RG", rng.choice("ab"))
                file.write(read)
    pysam.index(str(path))
    return IndexedFile("CRAM", path, Path(f"{path}.crai"))
