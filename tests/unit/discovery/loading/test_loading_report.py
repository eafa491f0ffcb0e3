"""The report of a load names every fault, however many there are, and costs no memory for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.loading import Bench, bench

from opengdi.discovery.loading import findings, plan
from opengdi.discovery.loading.errors import LoadRejected
from opengdi.discovery.loading.report import read_report
from opengdi.discovery.loading.work import read_variants

CAP = 7
GOOD = "22 11000000 . A G . . . GT 0|1 0|0 1|1"
WRONG = [f"22 {11_000_001 + place} . A G . . . GT 0|1 0|0" for place in range(40)]
TWICE = ["22 12000000 . A G . . . GT 0|1 0|0 1|1"] * 31


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A node that holds few findings in memory and cuts files into many spans."""
    monkeypatch.setattr(findings, "FINDINGS_CAP", CAP)
    monkeypatch.setattr("opengdi.discovery.loading.report.FINDINGS_CAP", CAP)
    monkeypatch.setattr(plan, "SPAN_BYTES", 700)
    with bench(tmp_path) as node:
        node.write_vcf("a.vcf", [GOOD, *WRONG, *TWICE])
        yield node


def places(report: dict) -> list[tuple[str, int]]:
    return [(one["fault"], one["line"]) for one in report["findings"]]


EVERY = [("malformed record", 5 + place) for place in range(40)] + [
    ("duplicate allele", 46 + place) for place in range(30)
]


def test_the_report_beside_the_release_names_every_record_that_was_left_out(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]\non_error = "skip"')
    loaded = node.load()
    path = loaded.release.folder / "report.json"
    report = json.loads(path.read_text())
    assert places(report) == EVERY
    assert report["tallies"] == {"malformed record": 40, "duplicate allele": 30}
    assert (report["records_read"], report["records_written"], report["records_skipped"]) == (72, 2, 70)
    assert len(loaded.report.findings) == CAP
    assert node.load().report == loaded.report == read_report(path)


def test_the_report_of_a_refused_load_names_every_fault_before_it_goes(node: Bench) -> None:
    node.write_release('files = ["a.vcf"]')
    taken: list[dict] = []
    node.workshop = node.workshop.__class__(
        *(getattr(node.workshop, name) for name in ("data_dir", "shelf", "pool", "clock", "progress")),
        take_report=lambda path: taken.append(json.loads(path.read_text())),
    )
    with pytest.raises(LoadRejected, match="and 50 more: see the report") as refused:
        node.load()
    assert places(taken[0]) == EVERY
    assert str(refused.value).count("\n  a.vcf:") == 20
    assert not list((node.workshop.data_dir / "loading").rglob("*.json"))


def test_a_refusal_shows_what_it_is_for_behind_however_many_remarks(node: Bench) -> None:
    """A whole-genome file may hold millions of records that are only remarked upon."""
    node.write_release('files = ["a.vcf"]')
    node.write_vcf(
        "a.vcf", [GOOD, *(f"hs37d5 {place} . A G . . . GT 0|1 0|0 1|1" for place in range(1, 60)), WRONG[0]]
    )
    with pytest.raises(
        LoadRejected, match=r"not loaded\n  a\.vcf:64: malformed record: 11 columns, expected 12\n"
    ):
        node.load()


def test_a_load_that_was_killed_names_what_it_found_before(
    node: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.write_release('files = ["a.vcf"]\non_error = "skip"')

    class Killed(BaseException):
        pass

    def killed_in_the_fourth(task: plan.ReadTask) -> object:
        if task.number == 3:
            raise Killed
        return read_variants(task)

    with monkeypatch.context() as patch:
        patch.setattr("opengdi.discovery.loading.service.read_variants", killed_in_the_fourth)
        with pytest.raises(Killed):
            node.load()
    loaded = node.load()
    assert loaded.report.tasks_resumed == 3
    assert places(json.loads((loaded.release.folder / "report.json").read_text())) == EVERY


@pytest.mark.parametrize("name", ["seal", "write_report", "write_whole"])
def test_a_load_that_was_killed_while_it_wrote_report_or_manifest_is_finished(
    node: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    node.write_vcf("a.vcf", [GOOD])
    node.write_release('files = ["a.vcf"]')

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        (release,) = node.workshop.data_dir.glob("loading/*/1/release")
        for draft in (".report.json.draft", ".manifest.json.draft"):
            (release / draft).write_text("half")
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(f"opengdi.discovery.loading.service.{name}", killed)
        with pytest.raises(Killed):
            node.load()
    release = node.load().release
    assert {file.path for file in release.manifest.files} == {
        "genotypes/chr22.pgen", "genotypes/chr22.pvar", "genotypes/samples.psam", "report.json", "sites/chr22.parquet",
    }  # fmt: skip


def test_a_report_without_findings_is_read_back(node: Bench) -> None:
    node.write_vcf("a.vcf", [GOOD])
    node.write_release('files = ["a.vcf"]')
    loaded = node.load()
    assert json.loads((loaded.release.folder / "report.json").read_text())["findings"] == []
    assert node.load().report == loaded.report


def test_a_report_of_an_earlier_version_of_the_software_is_read(node: Bench, tmp_path: Path) -> None:
    node.write_release('files = ["a.vcf"]\non_error = "skip"')
    report = node.load().report
    (tmp_path / "old.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    assert read_report(tmp_path / "old.json") == report
