"""kill -9 of the real command at any moment: nothing half-loaded is visible, and a rerun gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from tests.loading import COLUMNS, HEADER

ALONE = ("--workers", "1")
AS_USUAL = ()
"""Without the option there is a process for each core."""
VARIANTS = 1500
SAMPLES = 300
DATASET = "GDI-EE-KILL-1"
CHANGING = {"manifest.json", "manifest.jws", "report.json"}  # they tell when and how long

LOAD = "from opengdi.apps.cli import main; main()"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of two contigs in two files, cut into many spans by small pieces."""
    folder = tmp_path_factory.mktemp("source")
    rng = random.Random(7)
    for contig in ("21", "22"):
        names = "\t".join(f"S{number}" for number in range(SAMPLES))
        with (folder / f"chr{contig}.vcf").open("w") as file:
            file.write(f"{HEADER}{COLUMNS}\tFORMAT\t{names}\n")
            for place in range(VARIANTS):
                calls = "\t".join(rng.choices(["0|0", "0|1", "1|1", "./."], [90, 8, 1, 1], k=SAMPLES))
                file.write(f"{contig}\t{10_000_000 + 3 * place}\t.\tA\tG\t.\t.\t.\tGT\t{calls}\n")
    people = [
        {"id": f"S{number}", "sex": {"id": "NCIT:C16576", "label": "female"}} for number in range(SAMPLES)
    ]
    (folder / "people.json").write_text(json.dumps(people))
    (folder / "release.toml").write_text(
        f'[dataset]\nid = "{DATASET}"\nversion = "1"\ntitle = "T"\ncountry = "EE"\nassembly = "GRCh38"\n'
        '[variants]\nfiles = ["chr21.vcf", "chr22.vcf"]\n[subjects]\nindividuals = "people.json"\n'
    )
    return folder


class Node:
    """A data directory and the command that loads into it."""

    def __init__(self, folder: Path, source: Path, options: Sequence[str] = ALONE) -> None:
        self.data, self._source, self._options = folder / "data", source, options
        self._config = folder / "gdi.toml"
        folder.mkdir(exist_ok=True)
        self._config.write_text(
            f'[node]\nid = "ee.test"\ncountry = "EE"\ndata_dir = "{self.data}"\nkeys_dir = "{folder / "keys"}"\n'
        )

    def start(self) -> subprocess.Popen[bytes]:
        code = f"import opengdi.discovery.loading.plan as plan; plan.SPAN_BYTES = 1 << 17; {LOAD}"
        command = [sys.executable, "-c", code, "dataset", "load", str(self._source), *self._options]
        return subprocess.Popen(
            [*command, "--config", str(self._config)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def finish(self) -> str:
        process = self.start()
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()
        return out.decode()

    @property
    def release(self) -> Path:
        return self.data / "releases" / DATASET / "1"

    def truth(self) -> dict[str, str]:
        """Digest of every file of the release that tells no time."""
        return {
            str(path.relative_to(self.release)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.release.rglob("*"))
            if path.is_file() and path.name not in CHANGING
        }


@pytest.mark.parametrize("options, kills", [(ALONE, 13), (AS_USUAL, 11)], ids=["alone", "as usual"])
def test_a_load_killed_at_any_moment_is_invisible_and_a_rerun_finishes_it(
    source: Path, tmp_path: Path, record_property, options: Sequence[str], kills: int
) -> None:
    whole = Node(tmp_path / "whole", source)
    whole.finish()  # warms the file cache
    timed = Node(tmp_path / "timed", source, options)
    began = time.monotonic()
    timed.finish()
    duration = time.monotonic() - began
    expected = whole.truth()
    assert "genotypes/chr22.pgen" in expected
    assert "subjects/individuals.parquet" in expected

    rng = random.Random(20261122)
    node, moments, resumed = Node(tmp_path / "node", source, options), spread(rng, kills), 0
    orphans = 0
    for number in count():
        if not moments:
            break
        workers = killed_after(node, moments[-1] * duration)
        if workers is not None:
            moments.pop()
            orphans += bool(workers)
            assert_nothing_half_loaded(node)
        else:  # faster than when it was timed: the next ones are killed earlier
            duration *= 0.95
        if node.release.is_dir() or number % 3 == 2:
            resumed += "was loaded before" not in node.finish()
            assert node.truth() == expected
            node = Node(tmp_path / f"node{number}", source, options)
    node.finish()
    assert node.truth() == expected
    assert bool(orphans) == (options == AS_USUAL)
    record_property("resumed", resumed)


def spread(rng: random.Random, kills: int) -> list[float]:
    """Moments of a load, as shares of it: one in each of `kills` equal parts, in any order."""
    moments = [(part + rng.random()) / kills for part in range(kills)]
    rng.shuffle(moments)
    return moments


def killed_after(node: Node, seconds: float) -> set[int] | None:
    """The processes that a load had begun when it was killed, all of which have ended since; None if it was done."""
    process = node.start()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        workers = children_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=10)  # they hold the other end of its output
        wait_until_gone(workers)
        return workers
    process.communicate()
    return None


def children_of(parent: int) -> set[int]:
    return {int(text) for text in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}


def wait_until_gone(workers: set[int]) -> None:
    """Wait for processes that nobody tells to end."""
    deadline = time.monotonic() + 10
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline, f"of {workers} some go on without their parent"
        time.sleep(0.01)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def assert_nothing_half_loaded(node: Node) -> None:
    """The release is there whole, as its manifest says, or not at all; and if it is on the shelf, it is there."""
    if node.release.exists():
        manifest = json.loads((node.release / "manifest.json").read_text())
        for file in manifest["files"]:
            data = (node.release / file["path"]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == file["sha256"], file["path"]
    elif (node.data / "state.sqlite").exists():
        assert shelved(node) == 0


def shelved(node: Node) -> int:
    import sqlite3

    connection = sqlite3.connect(node.data / "state.sqlite")
    try:
        return connection.execute("SELECT count(*) FROM dataset_releases").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # killed before the tables were made
    finally:
        connection.close()
