"""`gdi dataset preview`: the tables and the JSON, over a release as loading leaves it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from opengdi.apps.commands.dataset import app
from opengdi.kernel.disclosure.policy import DisclosurePolicy
from opengdi.kernel.disclosure.preview import gauges, tally_terms
from opengdi.kernel.errors import Invalid, NotFound
from opengdi.testing.variants import site_row, write_release

POPULATIONS = ("Total", "F", "M")


def counts(females: tuple[int, int], males: tuple[int, int], people: int = 500) -> tuple[int, ...]:
    """AC, AN, hom, het, hemi of Total, F and M from (hom, het) of each sex."""
    hom, het = zip(*((females[0] + males[0], females[1] + males[1]), females, males), strict=True)
    called = (4 * people, 2 * people, 2 * people)
    return (*(2 * two + one for two, one in zip(hom, het, strict=True)), *called, *hom, *het, 0, 0, 0)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GDI_CONFIG", "GDI_NODE__DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gdi.toml").write_text(f'[node]\ndata_dir = "{tmp_path / "data"}"\n')
    rows = [
        site_row("21", 100, "A", "G", counts((50, 100), (50, 100))),  # seen whole, with its genotypes
        site_row("21", 200, "A", "G", counts((0, 100), (0, 100))),  # seen whole, without
        site_row("21", 300, "A", "G", counts((0, 15), (0, 3))),  # in Total only
        site_row("22", 100, "A", "G", counts((0, 1), (0, 0))),  # hidden
    ]
    write_release(tmp_path / "data/releases", rows, populations=POPULATIONS)
    return tmp_path / "data"


def run(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["preview", *arguments], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.output


def test_each_contig_says_what_is_seen_whole_in_total_only_and_not_at_all(data_dir: Path) -> None:
    told = json.loads(run("GDI-EE-TEST-1", "--json"))
    by_contig = {contig["contig"]: contig for contig in told["contigs"]}
    sums = {
        name: [sum(band[key] for band in contig["bands"]) for key in ("whole", "totalOnly", "hidden")]
        for name, contig in by_contig.items()
    }
    assert sums == {"21": [2, 1, 0], "22": [0, 0, 1]}
    assert [band["whole"] for band in by_contig["21"]["bands"]] == [0, 0, 0, 2]
    assert by_contig["21"]["genotypesShown"] == 1
    assert by_contig["21"]["independentCommon"] == 1


def test_budgets_and_power_follow_from_the_people(data_dir: Path) -> None:
    told = json.loads(run("GDI-EE-TEST-1@1", "--json"))
    assert told["budgets"] == {"perCaller": 460, "allAnonymousCallers": 9200, "publicFrequencies": True}
    by_label = {gauge["label"]: gauge for gauge in told["membershipPower"]}
    assert by_label["one caller's budget"]["power"] == pytest.approx(0.05, abs=0.001)
    assert by_label["the whole table"]["answers"] == 1
    answers = [gauge["answers"] for gauge in told["membershipPower"]]
    assert answers == sorted(answers)


def test_another_floor_can_be_tried(data_dir: Path) -> None:
    told = json.loads(run("GDI-EE-TEST-1", "--floor", "0", "--json"))
    assert sum(band["hidden"] for contig in told["contigs"] for band in contig["bands"]) == 0
    assert told["policy"]["k_alleles"] == 0


def test_alleles_with_few_carriers_are_counted_where_a_floor_lets_them_be_told(data_dir: Path) -> None:
    told = json.loads(run("GDI-EE-TEST-1", "--json"))
    assert told["fewCarriers"] == {"individualBudget": 3.0, "alleles": 0}
    lower = json.loads(run("GDI-EE-TEST-1", "--floor", "1", "--json"))
    assert lower["fewCarriers"]["alleles"] == 2, (
        "the one in Total only, which is seen whole now, and the hidden one"
    )
    assert "few carriers" not in run("GDI-EE-TEST-1")
    assert "hears 1, 5 or 78;" in " ".join(run("GDI-EE-TEST-1", "--floor", "1").split())


def test_the_stricter_of_release_and_node_is_in_force(data_dir: Path) -> None:
    with Path("gdi.toml").open("a") as settings:
        settings.write("[disclosure]\nk_alleles = 300\n")
    told = json.loads(run("GDI-EE-TEST-1", "--json"))
    assert told["policy"]["k_alleles"] == 300
    assert sum(band["totalOnly"] for band in told["contigs"][0]["bands"]) == 1


def test_the_tables_say_it_in_words_and_bars(data_dir: Path) -> None:
    told = run(str(data_dir / "releases/GDI-EE-TEST-1/1"))
    assert "1,000 individuals" in told
    assert "2 / 0 / 0" in told
    assert "genotype counts: shown for 1 of the 2 alleles that are seen whole" in told
    assert "one caller's budget" in told
    assert "█" in told


def test_a_release_that_is_not_there_is_not_found(data_dir: Path) -> None:
    with pytest.raises(NotFound, match="no release GDI-EE-NO-1"):
        run("GDI-EE-NO-1")


def test_of_several_versions_one_must_be_named(data_dir: Path) -> None:
    write_release(data_dir / "releases", [], populations=POPULATIONS, version="2")
    with pytest.raises(Invalid, match="versions 1, 2"):
        run("GDI-EE-TEST-1")
    assert json.loads(run("GDI-EE-TEST-1@2", "--json"))["contigs"] == []


def test_terms_that_few_people_carry_or_lack_are_hidden() -> None:
    tally = tally_terms(np.array([0, 9, 10, 500, 990, 991, 1000]), 1000, DisclosurePolicy())
    assert (tally.terms, tally.hidden) == (7, 4)


def test_a_small_cohort_reaches_power_within_its_whole_table() -> None:
    labels = [gauge.label for gauge in gauges(40, DisclosurePolicy(), [])]
    assert labels[0] == "the whole table"
