"""The field's clients read a CRAM by a visa for regions, and get the records that a BAM gives by the same visa."""

from __future__ import annotations

import io
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import htsget
import pysam
import pytest
from tests.cram_kit import alike
from tests.htsget_kit import REGIONAL, Delivering, ask
from tests.indexed_files import IndexedFile, in_small_slices, na12878, read_records
from tests.system.htsget_server import htsget_server
from tests.system.test_htsget_clients import PLAIN_HTTP, needs, run, ticket_url

from opengdi.standards.coordinates import Interval

WINDOWS = 40
BEGIN = "-- a window"
GRANTED = ("11", 5_015_000, 5_050_000)
PRINT = """
import pysam, sys
for path in sys.argv[1:]:
    print(BEGIN)
    for read in pysam.AlignmentFile(path):
        print(read.to_string())
""".replace("BEGIN", repr(BEGIN))


@pytest.fixture(scope="module")
def files(shared, tmp_path_factory) -> dict[str, IndexedFile]:
    cram = na12878(shared, "CRAM")
    return {
        "bam": na12878(shared, "BAM"),
        "cram": cram,
        "sliced": in_small_slices(cram, tmp_path_factory.mktemp("sliced")),
    }


@pytest.fixture(scope="module")
def server(files) -> Iterator[str]:
    with htsget_server(files, who="known") as address:
        yield address


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """Of a client of htslib who shows the token; it has no reference sequences."""
    (tmp_path / "token").write_text(REGIONAL)
    shown = {"HTS_AUTH_LOCATION": str(tmp_path / "token"), "REF_PATH": "/nonexistent"}
    return dict(os.environ) | PLAIN_HTTP | shown


def windows(seed: int) -> Iterator[tuple[str, int, int]]:
    rng = random.Random(seed)
    contig, first, last = GRANTED
    for _ in range(WINDOWS):
        start = rng.randrange(first, last - 1)
        yield contig, start, min(last, start + 1 + int(10 ** rng.uniform(0, 4)))


@pytest.mark.parametrize("name", ["cram", "sliced"])
def test_samtools_prints_what_it_prints_of_a_bam(server, files, environment, name):
    needs("samtools")
    for window in windows(51):
        found, of_bam = (
            run(
                "samtools", "view", ticket_url(server, each, files[each], window), env=environment
            ).splitlines()
            for each in (name, "bam")
        )
        assert alike(found) == alike(of_bam) == alike([r.text for r in files["bam"].region(*window)]), window


def test_pysam_reads_what_it_reads_of_a_bam(server, files, environment):
    asked = list(windows(52))
    printed = {
        name: run(
            sys.executable, "-c", PRINT, *(ticket_url(server, name, files[name], each) for each in asked),
            env=environment,
        )
        for name in ("sliced", "bam")
    }  # fmt: skip
    found, of_bam = (
        [alike(part.split("\n")[1:-1]) for part in text.split(BEGIN)] for text in printed.values()
    )
    assert found == of_bam
    assert len(found) == WINDOWS + 1
    assert sum(map(len, found)) == sum(len(files["bam"].region(*window)) for window in asked)


@pytest.mark.parametrize("name", ["cram", "sliced"])
def test_the_htsget_client_fetches_a_whole_cram_of_the_region(server, files, name):
    for window in windows(53):
        fetched = io.BytesIO()
        place = dict(zip(("reference_name", "start", "end"), window, strict=True))
        htsget.get(f"{server}/reads/{name}", fetched, data_format="CRAM", bearer_token=REGIONAL, **place)
        assert read_records("CRAM", fetched.getvalue()) == files[name].region(*window), window


async def test_no_server_is_asked_for_a_reference(tmp_path, monkeypatch):
    """Neither the one that the file names nor the one that the settings of the account name."""
    fasta, path = tmp_path / "reference.fa", tmp_path / "tells.cram"
    bases = "".join(random.Random(6).choices("ACGT", k=5000))
    fasta.write_text(f">1\n{bases}\n")
    pysam.faidx(str(fasta))
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        somebody.settimeout(0.3)
        address = f"http://127.0.0.1:{somebody.getsockname()[1]}/%s"
        header = {"SQ": [{"SN": "1", "LN": 5000, "UR": address}], "HD": {"VN": "1.6", "SO": "coordinate"}}
        with pysam.AlignmentFile(str(path), "wc", header=header, reference_filename=str(fasta)) as file:
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_id, read.reference_start = "r", 0, 100
            read.query_sequence, read.cigarstring = bases[100:200], "100M"
            file.write(read)
        pysam.index(str(path))
        monkeypatch.setenv("REF_PATH", address)
        monkeypatch.setenv("REF_CACHE", "")
        assert is_asked(somebody, path)
        node = Delivering(regions=(Interval("1", 0, 5000),))
        tells = IndexedFile("CRAM", path, Path(f"{path}.crai"))
        node.files.hold("cram", tells.data, file_format="CRAM", index=tells.index)
        async with node.client(REGIONAL) as client:
            answer = await ask(client, "reads/cram", referenceName="1", start=0, end=5000)
        assert answer.status_code == 400
        with pytest.raises(TimeoutError):
            somebody.accept()


def is_asked(somebody: socket.socket, path: Path) -> bool:
    """True if htslib, left alone, asks there."""
    command = [sys.executable, "-c", PRINT, str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as reader:
        try:
            somebody.settimeout(10)
            connection, _ = somebody.accept()
            connection.close()
        except TimeoutError:
            return False
        finally:
            reader.kill()
            somebody.settimeout(0.3)
    return True
