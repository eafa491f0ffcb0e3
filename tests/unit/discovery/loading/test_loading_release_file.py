"""release.toml: mistakes are named by path; a load that stopped between rename and shelf is finished."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loading import bench

from opengdi.discovery.loading.release_file import ReleaseFile
from opengdi.kernel.errors import Conflict, Invalid

DATASET = '[dataset]\nid = "GDI-EE-T-1"\nversion = "1"\ntitle = "T"\ncountry = "EE"\nassembly = "GRCh38"\n'
VARIANTS = '[variants]\nfiles = ["a.vcf"]\n'


@pytest.mark.parametrize(
    "text, reason",
    [
        ("x = ", "is not TOML"),
        (VARIANTS, "missing required field `dataset`"),
        (DATASET, "a release needs \\[variants\\], \\[subjects\\] or both"),
        (DATASET + "colour = 1\n" + VARIANTS, "unknown field `colour`.*dataset"),
        (DATASET + VARIANTS + "sort = true", "unknown field `sort`.*variants"),
        (DATASET + VARIANTS + 'on_error = "ignore"', "Invalid enum value 'ignore'.*variants.on_error"),
        (DATASET + "[variants]\nfiles = []", "length >= 1.*variants.files"),
        (DATASET.replace("GDI-EE-T-1", "x/../y") + VARIANTS, "dataset id 'x/../y' does not match"),
        (DATASET.replace('"1"', '"../1"') + VARIANTS, "matching regex.*dataset.version"),
        (DATASET.replace('"EE"', '"Estonia"') + VARIANTS, "country 'Estonia' must be a two-letter code"),
        (DATASET.replace("GRCh38", "GRCh99") + VARIANTS, "unknown assembly 'GRCh99'"),
        (DATASET + VARIANTS + "[disclosure]\nk = 3", "disclosure.k is not a field"),
        (
            DATASET + VARIANTS + "[disclosure]\nk_alleles = -3",
            "disclosure.k_alleles = -3 must",
        ),
        (DATASET + VARIANTS + "[disclosure]\nk_alleles = 2.5", "Expected `int`, got `float`"),
        (
            DATASET + VARIANTS + '[subjects]\non_error = "skip"',
            "subjects.on_error: on_error of .variants. holds for the subjects too",
        ),
    ],
)
def test_a_mistake_is_named_with_file_and_path(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "release.toml").write_text(text)
    with pytest.raises(Invalid, match=f"release.toml: .*{reason}"):
        ReleaseFile.read(tmp_path)


def test_a_missing_release_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=f"there is no release file {tmp_path}/release.toml"):
        ReleaseFile.read(tmp_path)


def test_the_policy_of_a_release_is_its_own(tmp_path: Path) -> None:
    (tmp_path / "release.toml").write_text(DATASET + VARIANTS + "[disclosure]\nk_alleles = 25\n")
    assert ReleaseFile.read(tmp_path).policy.k_alleles == 25


def test_a_release_that_was_put_in_place_but_not_on_the_shelf_is_shelved_by_a_rerun(tmp_path: Path) -> None:
    with bench(tmp_path) as node:
        node.write_release('files = ["a.vcf"]')
        node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0|1 0|0 0|0"])
        first = node.load()
    (tmp_path / "data" / "state.sqlite").unlink()
    with bench(tmp_path) as node:
        assert node.workshop.shelf.all() == ()
        again = node.load()
        assert not again.fresh
        assert again.release.manifest == first.release.manifest
        assert node.workshop.shelf.all() == (again.release,)


def test_a_load_goes_on_with_the_tasks_that_an_earlier_one_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opengdi.discovery.loading import plan, work

    monkeypatch.setattr(plan, "SPAN_BYTES", 400)
    with bench(tmp_path) as node:
        node.write_release('files = ["a.vcf"]')
        node.write_vcf("a.vcf", [f"22 {11_000_000 + n} . A G . . . GT 0|1 0|0 0|0" for n in range(100)])
        real, done = work.run_genotype_task, []

        def stop_at_the_third(task):
            if len(done) == 2:
                raise Conflict("stopped")
            done.append(task)
            return real(task)

        with monkeypatch.context() as patch:
            patch.setattr(work, "run_genotype_task", stop_at_the_third)
            with pytest.raises(Conflict, match="stopped"):
                node.load()
        report = node.load().report
        assert (report.tasks_resumed, report.records_written) == (2, 100)
        assert report.tasks > 5
        assert not (node.workshop.data_dir / "loading/GDI-EE-TEST-1/1").exists()


def test_a_damaged_part_of_an_earlier_run_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opengdi.discovery.loading import work

    with bench(tmp_path) as node:
        node.write_release('files = ["a.vcf"]')
        node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0|1 0|0 0|0"])

        def refuse(_task):
            raise Conflict("stopped")

        with monkeypatch.context() as patch:
            patch.setattr(work, "merge_contig", refuse)
            with pytest.raises(Conflict):
                node.load()
        (part,) = (node.workshop.data_dir / "loading/GDI-EE-TEST-1/1/parts").glob("*.arrow")
        part.write_bytes(part.read_bytes()[:-1])
        assert node.load().report.tasks_resumed == 0


def test_input_that_changed_meanwhile_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from opengdi.discovery.loading import work

    with bench(tmp_path) as node:
        node.write_release('files = ["a.vcf"]')
        node.write_vcf("a.vcf", ["22 11000000 . A G . . . GT 0|1 0|0 0|0"])

        def refuse(_task):
            raise Conflict("stopped")

        with monkeypatch.context() as patch:
            patch.setattr(work, "merge_contig", refuse)
            with pytest.raises(Conflict):
                node.load()
        node.write_vcf("a.vcf", ["22 11000001 . A G . . . GT 0|1 0|0 0|0"])
        assert node.load().report.tasks_resumed == 0
        assert node.truth()[0]["start"] == 11000000
