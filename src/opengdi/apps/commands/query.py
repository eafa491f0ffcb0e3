"""`gdi query`: ask a Beacon or a network from the terminal; a table for people, JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from opengdi.apps.beacon_client import Json, Question

app = typer.Typer(no_args_is_help=True, help="Ask a Beacon or a Beacon network.")


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


At = Annotated[
    str, typer.Option("--at", envvar="GDI_QUERY_AT", help="Base address of the Beacon or network.")
]
Token = Annotated[
    str | None,
    typer.Option(envvar="GDI_QUERY_TOKEN", help="Bearer token; better by the variable than typed."),
]
Assembly = Annotated[str | None, typer.Option(help="GRCh37 or GRCh38.")]
Output = Annotated[Format, typer.Option("--format", help="table, json (the whole answer) or csv (the rows).")]
Filters = Annotated[
    list[str] | None, typer.Option("--filter", help="NCIT:C16576 or 'age>P60Y'; may be given more than once.")
]
Dataset = Annotated[list[str] | None, typer.Option("--dataset", help="Only these dataset ids.")]
Limit = Annotated[int, typer.Option(min=1, help="Records per dataset and page.")]
Skip = Annotated[int, typer.Option(min=0, help="Pages to skip.")]

_LOCAL = "http://127.0.0.1:8080/beacon-network/v2.0.0"


@app.command()
def variant(
    what: Annotated[
        str, typer.Argument(help="3-45823240-T-C (1-based), 13:32315086-32400268, HGVS g., or a gene.")
    ],
    at: At = _LOCAL,
    assembly: Assembly = None,
    dataset: Dataset = None,
    limit: Limit = 100,
    skip: Skip = 0,
    token: Token = None,
    output: Output = Format.TABLE,
) -> None:
    """Allele frequencies per country, dataset and population."""
    from opengdi.apps.beacon_client import Question, frequency_rows, variant_parameters

    question = Question(
        "g_variants",
        variant_parameters(what, assembly),
        datasets=tuple(dataset or ()),
        limit=limit,
        skip=skip,
        include="ALL",
    )
    answer = _ask(at, token, question)
    rows = list(frequency_rows(answer))
    _print(answer, rows, output, title=what)
    if output is Format.TABLE:
        _explain_pages(answer, skip, limit)
        _explain_missing(answer, rows)
        _explain_refused(answer)
    _expect_answer_of(dataset or (), answer)


@app.command()
def individuals(
    filters: Filters = None,
    carrying: Annotated[
        str | None, typer.Option("--variant", help="Only carriers of this allele or gene.")
    ] = None,
    at: At = _LOCAL,
    assembly: Assembly = None,
    dataset: Dataset = None,
    token: Token = None,
    output: Output = Format.TABLE,
) -> None:
    """How many people match, per dataset; counts are rounded and small ones are not told."""
    from opengdi.apps.beacon_client import Question, count_rows, read_filter, variant_parameters

    question = Question(
        "individuals",
        variant_parameters(carrying, assembly) if carrying else None,
        tuple(read_filter(text) for text in filters or ()),
        granularity="count",
        include="ALL",
        datasets=tuple(dataset or ()),
    )
    answer = _ask(at, token, question)
    _print(answer, list(count_rows(answer)), output, title="Matching individuals")
    if output is Format.TABLE:
        _explain_refused(answer)
    _expect_answer_of(dataset or (), answer)


@app.command()
def cohort(
    filters: Filters = None,
    at: At = _LOCAL,
    token: Token = None,
    output: Output = Format.TABLE,
) -> None:
    """Cohorts with the distributions that may be told, as bars; by filters those that hold enough people who match.

    Filters select people: ask with them a network, or the subject-level Beacon of a node.
    """
    from opengdi.apps.beacon_client import Question, read_filter

    question = Question("cohorts", None, tuple(read_filter(text) for text in filters or ()))
    answer = _ask(at, token, question)
    collections = list((answer.get("response") or {}).get("collections") or [])
    beacon = answer["meta"].get("beaconId", "")
    rows = [cell for collection in collections for cell in _distribution_cells(collection, beacon)]
    _print(answer, rows, output, title="Cohorts")
    if output is Format.TABLE:
        _explain_none(answer)
        _explain_refused(answer)


def _ask(at: str, token: str | None, question: Question) -> Json:
    from opengdi.apps.beacon_client import BeaconClient

    with BeaconClient(at, token=token) as client:
        return client.ask(question)


def _distribution_cells(collection: Json, beacon: str) -> list[dict[str, Any]]:
    """One row per value of each distribution of a cohort's events; beacon: that answered, where none is named."""
    cohort = {"beacon": collection.get("beaconId") or beacon, "cohort": collection["id"]}
    return [
        {**cohort, "distribution": name, "value": value, "count": count}
        for event in collection.get("collectionEvents") or []
        for name, block in event.items()
        if isinstance(block, dict)
        for values in (block.get("distribution") or {}).values()
        for value, count in values.items()
    ] or [{**cohort, "distribution": "", "value": collection.get("name", ""), "count": None}]


def _print(answer: Json, rows: Sequence[Any], output: Format, *, title: str) -> None:
    if output is Format.JSON:
        json.dump(answer, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif output is Format.CSV:
        _print_csv(rows)
    else:
        _print_tables(answer, rows, title)


def _as_dict(row: Any) -> dict[str, Any]:
    return asdict(row) if is_dataclass(row) and not isinstance(row, type) else dict(row)


def _print_csv(rows: Sequence[Any]) -> None:
    if not rows:
        return
    writer = csv.DictWriter(sys.stdout, list(_as_dict(rows[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_as_dict(row) for row in rows)


def _print_tables(answer: Json, rows: Sequence[Any], title: str) -> None:
    """One table, or one per dataset or cohort that has many rows; then how the members of a network fared.

    Ids of cohorts are their Beacon's own, so that is named beside them.
    """
    from opengdi.apps.beacon_client import member_rows

    cells = [_as_dict(row) for row in rows]
    owner = ("beacon", "cohort") if cells and "cohort" in cells[0] else ("dataset",)
    groups = [(name, list(group)) for name, group in groupby(cells, key=itemgetter(*owner))]
    if len(groups) == len(cells):
        _print_table(title, cells if "beacon" in owner else [_without(cell, "beacon") for cell in cells])
    else:
        for name, group in groups:
            heading = name if isinstance(name, str) else " of ".join(reversed(name))
            _print_table(f"{title}: {heading}", [_without(cell, "beacon", *owner) for cell in group])
    _print_table("Members asked", [_as_dict(row) for row in member_rows(answer)])


def _without(cell: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in cell.items() if name not in names}


def _print_table(heading: str, rows: Sequence[dict[str, Any]]) -> None:
    """Columns that are empty in every row are left out; counts of a distribution get bars."""
    from opengdi.apps.terminal import plain_table, print_table

    names = [name for name in (rows[0] if rows else ()) if any(row[name] not in {None, ""} for row in rows)]
    if not names:
        return
    table = plain_table(heading)
    for name in names:
        is_number = any(isinstance(row[name], int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if is_number else "left", header_style="dim")
    if "distribution" in names:
        table.add_column("")
    for row in rows:
        bars = [_bar(row, rows)] if "distribution" in names else []
        table.add_row(*(_shown(row[name]) for name in names), *bars)
    print_table(table)


_BAR_CELLS = 24


def _bar(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """As long as the row's share of the largest count of its distribution."""
    largest = max(each["count"] or 0 for each in rows if each["distribution"] == row["distribution"])
    return "█" * round(_BAR_CELLS * (row["count"] or 0) / largest) if largest else ""


def _shown(value: object) -> str:
    """Small frequencies keep three digits instead of turning into zero."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _explain_missing(answer: Json, rows: Sequence[Any]) -> None:
    """Datasets with no row at all; of an empty page `_explain_pages` has spoken."""
    from opengdi.apps.beacon_client import refused_datasets, result_sets

    told = {row.dataset for row in rows} | set(refused_datasets(answer))
    for result_set in result_sets(answer):
        if result_set["id"] not in told and not result_set.get("resultsCount"):
            typer.echo(f"{result_set['id']}: nothing to tell (absent, or below the dataset's floor)")


def _explain_pages(answer: Json, skip: int, limit: int) -> None:
    from opengdi.apps.beacon_client import result_sets

    for result_set in result_sets(answer):
        shown, found = len(result_set.get("results") or []), result_set.get("resultsCount") or 0
        if shown < found:
            first = skip * limit
            part = f"first {shown}" if not skip else f"{first + 1} to {first + shown}" if shown else "none"
            typer.echo(f"{result_set['id']}: {part} of {found:,}; see --limit and --skip")


def _explain_none(answer: Json) -> None:
    """An answer that tells of no cohort is no empty page: it says so."""
    if not (answer.get("responseSummary") or {}).get("exists"):
        typer.echo("no cohort to tell of (none there, or too few people who match)")


def _explain_refused(answer: Json) -> None:
    from opengdi.apps.beacon_client import refused_datasets

    for dataset, reason in refused_datasets(answer).items():
        typer.echo(f"{dataset}: refused, {reason}")


def _expect_answer_of(datasets: Sequence[str], answer: Json) -> None:
    """Raises NotFound, naming the datasets that were asked by name and of which the answer does not speak."""
    from opengdi.apps.beacon_client import refused_datasets, result_sets
    from opengdi.kernel.errors import NotFound

    spoken = {result_set["id"] for result_set in result_sets(answer)} | set(refused_datasets(answer))
    missing = [dataset for dataset in datasets if dataset not in spoken]
    if missing:
        raise NotFound(f"no dataset called {' or '.join(missing)} answered")
