"""One Parquet file per contig: sorted, the same bytes for the same sites, read back as written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from opengdi.discovery.variants import truth
from opengdi.discovery.variants.columns import COUNT_COLUMNS, SiteColumns
from opengdi.discovery.variants.truth import SitesFile, SitesWriter
from opengdi.kernel.errors import Invalid
from opengdi.standards.faults import Malformed
from opengdi.standards.variant_key import variant_key

POPULATIONS = ("Total", "EE_F")


def columns(starts: list[int], alts: list[str] | None = None, populations: int = 2, **notes) -> SiteColumns:
    alts = alts or ["T"] * len(starts)
    numbers = np.array(starts, np.int32)
    counts = np.arange(len(starts) * populations, dtype=np.int32).reshape(-1, populations)
    return SiteColumns(
        variant_key=np.array(
            [variant_key("7", *site) for site in zip(starts, ["C"] * len(starts), alts, strict=True)]
        ),
        start=numbers,
        end=numbers + 1,
        ref=["C"] * len(starts),
        alt=alts,
        variant_type=["SNP"] * len(starts),
        length=np.ones_like(numbers),
        genotype_row=np.arange(len(starts), dtype=np.int32),
        **{name: counts + place for place, name in enumerate(COUNT_COLUMNS)},
        **notes,
    )


def write(path: Path, *batches: SiteColumns) -> bytes:
    with SitesWriter(path, "7", POPULATIONS) as writer:
        for batch in batches:
            writer.write(batch)
    return path.read_bytes()


def test_the_same_sites_give_the_same_bytes_however_they_are_batched(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(truth, "ROW_GROUP_ROWS", 4)
    starts = list(range(0, 110, 10))
    whole = write(tmp_path / "whole", columns(starts))
    all_columns = columns(starts)
    given = {name: each for name in SiteColumns.__slots__ if (each := getattr(all_columns, name)) is not None}
    parts = [
        SiteColumns(**{name: each[part] for name, each in given.items()})
        for part in (slice(0, 3), slice(3, 9), slice(9, 11))
    ]
    assert write(tmp_path / "parts", *parts) == whole
    with SitesFile(tmp_path / "whole") as file:
        assert [len(group) for group in file] == [4, 4, 3]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    notes = {"gene": ["BRAF", None], "amino_acid_change": [["V600E"], None], "mate": [None, "17:198983"]}
    given = columns([10, 20], **notes)
    write(tmp_path / "sites", given)
    with SitesFile(tmp_path / "sites") as file:
        assert (file.populations, file.rows) == (POPULATIONS, 2)
        found = file.read(0)
    for name in SiteColumns.__slots__:
        assert np.array_equal(
            np.asarray(getattr(found, name), object), np.asarray(getattr(given, name), object)
        ), name


def test_a_file_without_annotation_reads_none(tmp_path: Path) -> None:
    write(tmp_path / "sites", columns([10]))
    with SitesFile(tmp_path / "sites") as file:
        assert (file.read(0).gene, file.read(0).amino_acid_change, file.read(0).mate) == (None, None, None)


@pytest.mark.parametrize("starts", [[20, 10], [10, 10]])
def test_sites_out_of_order_or_twice_are_refused(tmp_path: Path, starts: list[int]) -> None:
    with pytest.raises(Invalid, match="not in order, or twice"):
        write(tmp_path / "sites", columns(starts))


def test_order_is_held_from_batch_to_batch(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="not in order, or twice"):
        write(tmp_path / "sites", columns([10, 20]), columns([20]))


def test_counts_of_another_number_of_populations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"expected \(rows, 2\)"):
        write(tmp_path / "sites", columns([10], populations=3))


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "chr7.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(Malformed, match=r"chr7\.parquet"):
        SitesFile(tmp_path / "chr7.parquet")


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "sites", columns([10]))
    assert (tmp_path / "sites").stat().st_mode & 0o777 == 0o600
