"""The same load in this process, in worker processes and on Dask gives the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.contract.test_bulk_pools import dask_scheduler
from tests.loading import DATASET, Bench, bench

from opengdi.discovery.loading import plan
from opengdi.kernel.bulk.dask import DaskPool
from opengdi.kernel.bulk.ports import BulkPool
from opengdi.kernel.bulk.processes import ProcessPool
from opengdi.kernel.bulk.serial import SerialPool

__all__ = ["dask_scheduler"]

CALLS = ["0|0", "0|1", "1|1", "./."]


def load_with(pool: BulkPool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Digests of the truth, loaded in many small spans."""
    folder.mkdir()
    monkeypatch.setattr(plan, "SPAN_BYTES", 4096)  # plans are made in this process
    with bench(folder, pool) as node:
        write_source(node)
        report = node.load().report
        assert report.tasks > 6
        assert report.records_written == 1000
        release = node.workshop.data_dir / "releases" / DATASET / "1"
        return {
            str(path.relative_to(release)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(release.rglob("*"))
            if path.is_file() and path.name not in {"manifest.json", "manifest.jws", "report.json"}
        }


def write_source(node: Bench) -> None:
    node.write_release('files = ["a.vcf", "b.vcf"]')
    for name, contig in (("a.vcf", "21"), ("b.vcf", "X")):
        records = [
            f"{contig} {20_000_000 + 7 * n} . A G . . . GT {CALLS[n % 4]} {CALLS[n // 4 % 4]} {CALLS[n // 16 % 4]}"
            for n in range(500)
        ]
        node.write_vcf(name, records)


def test_processes_and_dask_workers_write_the_same_bytes(
    dask_scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SerialPool() as pool:
        alone = load_with(pool, tmp_path / "alone", monkeypatch)
    with ProcessPool(2) as pool:
        assert load_with(pool, tmp_path / "processes", monkeypatch) == alone
    with DaskPool(dask_scheduler) as pool:
        assert load_with(pool, tmp_path / "dask", monkeypatch) == alone
    assert set(alone) == {
        "sites/chr21.parquet", "sites/chrX.parquet",
        "genotypes/chr21.pgen", "genotypes/chr21.pvar", "genotypes/chrX.pgen", "genotypes/chrX.pvar",
        "genotypes/samples.psam",
    }  # fmt: skip
