from __future__ import annotations

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from opengdi.apps import cli
from opengdi.apps.beacon_client import BeaconClient, FrequencyRow, Json
from opengdi.apps.commands.query import Format, _print
from opengdi.kernel.errors import NotFound

ANSWER = {
    "meta": {"beaconId": "b"},
    "info": {"members": [{"id": "ee", "status": "timeout", "latencyMs": 4000}]},
}


def row(population: str, frequency: float, *, hom: int | None = None) -> FrequencyRow:
    return FrequencyRow("b", "GDI-EE-A-1", "GRCh38:3:5:T:C", population, 5, 100, frequency, hom, None, None)


def test_a_tiny_frequency_does_not_turn_into_zero(capsys: pytest.CaptureFixture[str]) -> None:
    _print(ANSWER, [row("Total", 0.0000123), row("F", 0.5)], Format.TABLE, title="x")
    assert "1.23e-05" in capsys.readouterr().out


def test_columns_that_nobody_filled_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    _print(ANSWER, [row("Total", 0.1), row("F", 0.2)], Format.TABLE, title="x")
    assert "homozygous" not in capsys.readouterr().out
    _print(ANSWER, [row("Total", 0.1, hom=3), row("F", 0.2)], Format.TABLE, title="x")
    assert "homozygous" in capsys.readouterr().out


def test_a_member_that_did_not_answer_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    _print(ANSWER, [], Format.TABLE, title="x")
    assert "timeout" in capsys.readouterr().out


def test_csv_has_every_column_and_keeps_untold_counts_empty(capsys: pytest.CaptureFixture[str]) -> None:
    _print(ANSWER, [row("Total", 0.1)], Format.CSV, title="x")
    (read,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (read["allele_count"], read["homozygous"]) == ("5", "")


def test_json_is_the_whole_answer(capsys: pytest.CaptureFixture[str]) -> None:
    _print(ANSWER, [], Format.JSON, title="x")
    assert json.loads(capsys.readouterr().out) == ANSWER


@pytest.mark.parametrize(
    "variant", ["GRCh38:22:20000000:A:C", "GRCh38:2:321681:G:G]17:198982]", "GRCh38:1:5:[bold]:O:M"]
)
def test_a_variant_is_printed_as_it_is_named(capsys: pytest.CaptureFixture[str], variant: str) -> None:
    rows = [FrequencyRow("b", "GDI-EE-A-1", variant, name, 5, 100, 0.05, None, None, None) for name in "FM"]
    _print(ANSWER, rows, Format.TABLE, title="x")
    assert capsys.readouterr().out.count(variant) == len(rows)


def test_names_stay_whole_on_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    datasets = [f"GDI-EE-UTARTU-2026040900000000{at}" for at in range(2)]
    name = "GRCh38:22:20000000-20001000:DUP"
    rows = [FrequencyRow("b", each, name, "Total", 5, 100, 0.05, None, None, None) for each in datasets]
    _print(ANSWER, rows, Format.TABLE, title="x")
    lines = capsys.readouterr().out.splitlines()
    assert [any(each in line and name in line for line in lines) for each in datasets] == [True, True]


def answer_of(*result_sets: Json, **info: object) -> Json:
    return {"meta": {"beaconId": "b"}, "info": info, "response": {"resultSets": list(result_sets)}}


def result_set(dataset: str, found: int, shown: int) -> Json:
    cell = {"population": "Total", "alleleFrequency": 0.5}
    records = [
        {"variantInternalId": f"GRCh38:1:{at}:A:C", "frequencyInPopulations": [{"frequencies": [cell]}]}
        for at in range(shown)
    ]
    return {"id": dataset, "exists": found > 0, "resultsCount": found, "results": records}


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch):
    """Runs `gdi query` against a Beacon that gives this answer."""

    def run(answer: Json, *words: str) -> str:
        monkeypatch.setattr(BeaconClient, "ask", lambda _self, _question: answer)
        return CliRunner().invoke(cli.app, ["query", *words], catch_exceptions=False).stdout

    return run


def test_a_part_of_what_was_found_is_called_a_part(ask) -> None:
    answer = answer_of(result_set("GDI-EE-A-1", 6, 2), result_set("GDI-EE-B-1", 2, 2))
    told = ask(answer, "variant", "BRCA2", "--limit", "2")
    assert "GDI-EE-A-1: first 2 of 6" in told
    assert "GDI-EE-B-1:" not in told
    assert "GDI-EE-A-1: 3 to 4 of 6" in ask(answer, "variant", "BRCA2", "--limit", "2", "--skip", "1")


def test_a_dataset_that_refuses_is_named_with_its_reason(ask) -> None:
    refused = [{"id": "GDI-EE-B-1", "reason": "the query budget is used up"}]
    answer = answer_of(result_set("GDI-EE-A-1", 1, 1), refusedDatasets=refused)
    for question in (["variant", "BRCA2"], ["individuals"]):
        assert "GDI-EE-B-1: refused, the query budget is used up" in ask(answer, *question)


def test_a_dataset_whose_budget_the_network_keeps_is_named_once(ask) -> None:
    answer = answer_of(result_set("GDI-EE-A-1", 0, 0), budgetUsedUp=["GDI-EE-A-1"])
    told = ask(answer, "variant", "BRCA2")
    assert "GDI-EE-A-1: refused, the budget at the network is used up" in told
    assert "nothing to tell" not in told


def test_a_dataset_that_nobody_has_is_not_found(ask) -> None:
    answer = answer_of(result_set("GDI-EE-A-1", 1, 1))
    for question in (["variant", "BRCA2"], ["individuals"]):
        with pytest.raises(NotFound, match="no dataset called nope answered"):
            ask(answer, *question, "--dataset", "nope", "--dataset", "GDI-EE-A-1")
