"""What the figures are held to, and the page that says how they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "figures.md"


class Bar(NamedTuple):
    """The least or the most that a figure may be; of `ratio`, the figure beside its peer is meant."""

    limit: float
    is_least: bool = True
    of_ratio: bool = False

    def is_met(self, figure: Mapping[str, Any]) -> bool:
        told = figure["ratio"] if self.of_ratio else figure["value"]
        return bool(told >= self.limit if self.is_least else told <= self.limit)

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.limit:,g}{' of it' if self.of_ratio else ''}"


BARS: Final = {
    "ingest.genotypes": Bar(8_000),
    "ingest.sites": Bar(100_000),
    "ingest.scaling": Bar(1.7),
    "beacon.point": Bar(3_000),
    "beacon.point.p50": Bar(1, is_least=False),
    "beacon.point.20_datasets": Bar(0.5, of_ratio=True),
    "beacon.page": Bar(100_000),
    "beacon.page.8_datasets": Bar(0.5, of_ratio=True),
    "beacon.refused": Bar(0, is_least=False),
    "beacon.health.p99": Bar(50, is_least=False),
    "node.idle_mb": Bar(200, is_least=False),
    "subjects.count_100k": Bar(5, is_least=False),
    "subjects.count_1m": Bar(100, is_least=False),
    "network.27": Bar(0.2, is_least=False),
    "crypt4gh.encrypt": Bar(1_800),
    "crypt4gh.decrypt": Bar(1_800),
    "crypt4gh.reencrypt": Bar(5_000),
    "archive.verify": Bar(600),
    "archive.files_per_minute": Bar(1_000),
    "htsget.tickets": Bar(1_000),
    "htsget.ticket_p50": Bar(3, is_least=False),
    "htsget.excess_blocks": Bar(1, is_least=False),
    "delivery.stream": Bar(800),
}

_HEAD: Final = """\
<!-- Written by `make bench`. -->

# Figures

What `make bench` measured and kept (`bench/results.json`), with what it is held to and what ran beside it in the same
run. Figures of one machine say little about another one, ratios more. What a suite does stands at the head of its file
in `bench/`; `make profile` shows where a node's time goes.
"""


def page(figures: Sequence[Mapping[str, Any]]) -> str:
    """The figures as Markdown, what falls short first."""
    short = [each["name"] for each in figures if each["name"] in BARS and not BARS[each["name"]].is_met(each)]
    verdict = (
        f"**Short of the bar: {', '.join(f'`{name}`' for name in short)}.**" if short else "All bars are met."
    )
    machines = sorted({str(each.get("machine", "unknown")) for each in figures})
    rows = "\n".join(_row(each) for each in figures)
    return (
        f"{_HEAD}\n{verdict} Measured on {'; '.join(machines)}.\n\n"
        "| figure | measured | bar | beside it | ratio |\n| --- | --- | --- | --- | --- |\n"
        f"{rows}\n"
    )


def _row(figure: Mapping[str, Any]) -> str:
    bar = BARS.get(figure["name"])
    held = "" if bar is None else f"{bar}{'' if bar.is_met(figure) else ' **short**'}"
    beside = "" if figure["peer_value"] is None else f"{figure['peer']}: {_number(figure['peer_value'])}"
    ratio = "" if figure["ratio"] is None else f"{figure['ratio']:.2f}"
    return (
        f"| `{figure['name']}` | {_number(figure['value'])} {figure['unit']} | {held} | {beside} | {ratio} |"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
