from __future__ import annotations

import csv
import io
import json

import pytest

from opengdi.apps.beacon_client import FrequencyRow
from opengdi.apps.commands.query import Format, _print

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
