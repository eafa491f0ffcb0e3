"""Loading in tests: a node's data directory, release files, VCF text, and the truth read back."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opengdi.discovery.loading.errors import LoadRejected
from opengdi.discovery.loading.model import LoadReport
from opengdi.discovery.loading.progress import Unheard
from opengdi.discovery.loading.service import Loaded, Workshop, load_release
from opengdi.discovery.releases import Shelf
from opengdi.discovery.variants.truth import SitesFile
from opengdi.kernel.bulk.ports import BulkPool
from opengdi.kernel.bulk.serial import SerialPool
from opengdi.kernel.clock import FixedClock
from opengdi.kernel.database import open_engine
from opengdi.kernel.keys import SigningKey

KEY = SigningKey.generate()


DATASET = "GDI-EE-TEST-1"
HEADER = '##fileformat=VCFv4.3\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"


@dataclass
class Bench:
    """A node in a folder, and a folder for the input."""

    workshop: Workshop
    source: Path

    def load(self, release: Path | None = None) -> Loaded:
        return load_release(self.workshop, release or self.source)

    def rejected(self) -> LoadReport:
        """Load and expect it to be refused."""
        try:
            loaded = self.load()
        except LoadRejected as error:
            return error.report
        raise AssertionError(f"was loaded: {loaded.report}")

    def truth(self, contig: str = "22", dataset: str = DATASET) -> list[dict[str, Any]]:
        """Rows of one contig."""
        return read_sites(self.workshop.data_dir / "releases" / dataset / "1", contig)

    def write_release(self, variants: str = "", rest: str = "", **dataset: str) -> None:
        """A release file over `files`, in the dialect of the issue."""
        told = {"id": DATASET, "version": "1", "title": "T", "country": "EE", "assembly": "GRCh38"} | dataset
        lines = [f'{key} = "{value}"' for key, value in told.items()]
        text = "[dataset]\n" + "\n".join(lines) + f"\n{rest if rest.startswith('individuals') else ''}\n"
        text += f"[variants]\n{variants}\n" if variants else ""
        text += "" if rest.startswith("individuals") else rest
        (self.source / "release.toml").write_text(text)

    def write_vcf(
        self,
        name: str,
        records: Sequence[str],
        samples: Sequence[str] = ("A", "B", "C"),
        header: str = HEADER,
    ) -> None:
        """Records are spelt with spaces for tabs."""
        columns = COLUMNS + ("\tFORMAT\t" + "\t".join(samples) if samples else "")
        text = "".join(
            f"{line}\n" for line in (columns, *("\t".join(record.split(" ")) for record in records))
        )
        data = (header + text).encode()
        (self.source / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)


@contextmanager
def bench(folder: Path, pool: BulkPool | None = None) -> Iterator[Bench]:
    """A fresh or earlier node under `folder`."""
    from opengdi.apps.migrations import migrate

    (folder / "data" / "releases").mkdir(parents=True, exist_ok=True)
    (folder / "source").mkdir(exist_ok=True)
    engine = open_engine(folder / "data" / "state.sqlite")
    migrate(engine)
    clock = FixedClock()
    shelf = Shelf(engine, folder / "data" / "releases", clock, KEY)
    try:
        yield Bench(
            Workshop(folder / "data", shelf, pool or SerialPool(), clock, Unheard()), folder / "source"
        )
    finally:
        engine.dispose()


def read_sites(release: Path, contig: str) -> list[dict[str, Any]]:
    """Rows as mappings; counts by population label."""
    rows = []
    with SitesFile(release / "sites" / f"chr{contig}.parquet") as file:
        for columns in file:
            for row in range(len(columns)):
                rows.append(_row(columns, row, file.populations))
    return rows


def _row(columns: Any, row: int, populations: Sequence[str]) -> dict[str, Any]:
    plain = ("start", "end", "ref", "alt", "variant_type", "length", "genotype_row")
    found = {name: getattr(columns, name)[row] for name in plain}
    for name in ("gene", "amino_acid_change", "mate"):
        values = getattr(columns, name)
        found[name] = None if values is None else values[row]
    for place, population in enumerate(populations):
        measures = (columns.allele_count, columns.allele_number, columns.hom, columns.het, columns.hemi)
        found[population] = tuple(int(measure[row, place]) for measure in measures)
    return found
