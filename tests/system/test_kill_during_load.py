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
from itertools import count
from pathlib import Path

import pytest
from tests.loading import COLUMNS, HEADER

KILLS = 28
VARIANTS = 1500
SAMPLES = 300
DATASET = "GDI-EE-KILL-1"
CHANGING = {"manifest.json", "report.json"}  # they tell when and how long

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

    def __init__(self, folder: Path, source: Path) -> None:
        self.data, self._source = folder / "data", source
        self._config = folder / "gdi.toml"
        folder.mkdir(exist_ok=True)
        self._config.write_text(
            f'[node]\nid = "ee.test"\ncountry = "EE"\ndata_dir = "{self.data}"\nkeys_dir = "{folder / "keys"}"\n'
        )

    def start(self) -> subprocess.Popen[bytes]:
        code = f"import opengdi.discovery.loading.plan as plan; plan.SPAN_BYTES = 1 << 17; {LOAD}"
        command = [sys.executable, "-c", code, "dataset", "load", str(self._source), "--workers", "1"]
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


def test_a_load_killed_at_any_moment_is_invisible_and_a_rerun_finishes_it(
    source: Path, tmp_path: Path, record_property
) -> None:
    whole = Node(tmp_path / "whole", source)
    whole.finish()  # warms the file cache
    timed = Node(tmp_path / "timed", source)
    began = time.monotonic()
    timed.finish()
    duration = time.monotonic() - began
    expected = whole.truth()
    assert "genotypes/chr22.pgen" in expected
    assert "subjects/individuals.parquet" in expected

    rng = random.Random(20261122)
    node, moments, resumed = Node(tmp_path / "node", source), spread(rng), 0
    for number in count():
        if not moments:
            break
        if was_killed_after(node, moments[-1] * duration):
            moments.pop()
            assert_nothing_half_loaded(node)
        else:  # faster than when it was timed: the next ones are killed earlier
            duration *= 0.95
        if node.release.is_dir() or number % 3 == 2:
            resumed += "was loaded before" not in node.finish()
            assert node.truth() == expected
            node = Node(tmp_path / f"node{number}", source)
    node.finish()
    assert node.truth() == expected
    record_property("resumed", resumed)


def spread(rng: random.Random) -> list[float]:
    """Moments of a load, as shares of it: one in each of `KILLS` equal parts, in any order."""
    moments = [(part + rng.random()) / KILLS for part in range(KILLS)]
    rng.shuffle(moments)
    return moments


def was_killed_after(node: Node, seconds: float) -> bool:
    process = node.start()
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        return True
    process.communicate()
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
