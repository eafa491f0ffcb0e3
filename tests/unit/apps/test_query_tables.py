from __future__ import annotations

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
