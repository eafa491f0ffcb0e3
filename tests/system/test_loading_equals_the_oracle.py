"""Every allele of the 1000 Genomes file, every population: the loader counts what plain Python counts."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from tests.loading import bench
from tests.oracles.allele_counts import Person, count_file, populations

VCF = "data/1000g/chr22.grch38.2548x3042.vcf.gz"
SEXES = {"NCIT:C16576": "F", "NCIT:C20197": "M"}


@pytest.fixture(scope="module")
def individuals(shared: Path) -> dict[str, str]:
    """Sex by CINECA individual."""
    with gzip.open(shared / "data/cineca/individuals.json.gz") as file:
        return {person["id"]: SEXES[person["sex"]["id"]] for person in json.load(file)}


def test_every_allele_and_population_of_1000_genomes_is_counted_as_the_oracle_counts(
    shared: Path, tmp_path: Path, individuals: dict[str, str]
) -> None:
    with gzip.open(shared / VCF, "rt") as lines:
        names = next(line for line in lines if line.startswith("#CHROM")).rstrip().split("\t")[9:]
    labels = ["EAS", "EUR", "AFR"]
    people = {name: Person(individuals.get(name, "U"), labels[place % 3]) for place, name in enumerate(names)}
    with bench(tmp_path) as node:
        table = ["sample\tsex\tpopulation"] + [f"{n}\t{p.sex}\t{p.label}" for n, p in people.items()]
        (node.source / "samples.tsv").write_text("\n".join(table) + "\n")
        node.write_release(f'files = ["{shared / VCF}"]\nsamples = "samples.tsv"')
        loaded = node.load()
        rows = node.truth()
    assert loaded.release.manifest.populations == tuple(populations(people))
    assert len(rows) == 3042
    stored = {(row["start"], row["ref"], row["alt"]): row for row in rows}
    for allele, cells in count_file(shared / VCF, people):
        row = stored.pop(allele)
        assert {name: (cell.ac, cell.an, cell.hom, cell.het, cell.hemi) for name, cell in cells.items()} == {
            name: row[name] for name in cells
        }, allele
    assert not stored


def test_the_shared_frequency_table_loads_with_the_showcase_variant(shared: Path, tmp_path: Path) -> None:
    with bench(tmp_path) as node:
        table = shared / "data/af/1000g-chr3-40-50Mb.grch37.parquet"
        node.write_release(f'files = ["{table}"]', "individuals = 2504", assembly="GRCh37")
        report = node.load().report
        assert (report.records_read, report.records_written, report.records_skipped) == (272689, 272689, 0)
        (row,) = [row for row in node.truth("3") if row["start"] == 45864731]
        assert (row["ref"], row["alt"], row["DEMO"]) == ("T", "C", (410, 5008, -1, -1, -1))
