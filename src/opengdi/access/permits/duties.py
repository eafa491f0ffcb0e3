"""What a permit obliges to: from what its datasets may be used for, and from the law. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Final

from opengdi.access.permits.model import Duty, Permitted
from opengdi.access.permits.rules import Terms
from opengdi.standards.duo.codes import canonical_code
from opengdi.standards.duo.statements import Clause, Statement

PUB, RTN, COL, MOR, TS = (canonical_code(code) for code in ("PUB", "RTN", "COL", "MOR", "TS"))
MONTH: Final = timedelta(days=30.4375)

RESULTS: Final = "Make results public within 18 months of the end of use (EHDS Art 61)."


def duties_of(
    datasets: tuple[Permitted, ...], statements: Mapping[tuple[str, str], Statement], terms: Terms
) -> tuple[Duty, ...]:
    """The duties, in order of their ids; the same duty of several datasets is one with all their names."""
    end = max(each.until for each in datasets)
    found: dict[str, Duty] = {}
    _add(found, Duty("results", "", RESULTS, (), end + terms.publish_within, must_be_done=True))
    for each in datasets:
        for clause in statements.get(each.key, Statement()).clauses:
            if duty := _duty(clause, each.dataset, end, terms):
                _add(found, duty)
    return tuple(found[id_] for id_ in sorted(found))


def _add(found: dict[str, Duty], duty: Duty) -> None:
    known = found.get(duty.id)
    names = {*duty.datasets, *(known.datasets if known else ())}
    found[duty.id] = Duty(
        duty.id, duty.code, duty.text, tuple(sorted(names)), duty.due, must_be_done=duty.must_be_done
    )


def _duty(clause: Clause, dataset: str, end: datetime, terms: Terms) -> Duty | None:
    named = (dataset,)
    if clause.code == PUB:
        text = "Make results of studies available to the scientific community."
        return Duty("publish", PUB, text, named, end + terms.publish_within, must_be_done=True)
    if clause.code == RTN:
        text = "Return derived and enriched data to the resource."
        return Duty("return", RTN, text, named, end + terms.return_within, must_be_done=True)
    if clause.code == COL:
        return Duty("collaborate", COL, "Collaborate with the first investigators.", named)
    if clause.code == MOR and clause.until is not None:
        until = datetime.combine(clause.until, time(), UTC)
        text = f"Publish nothing before {clause.until.isoformat()}."
        return Duty(f"moratorium-{clause.until.isoformat()}", MOR, text, named, until)
    return None


def limited(each: Permitted, statement: Statement | None, start: datetime) -> Permitted:
    """The same, at most as long as the months of TS from the issue of the permit."""
    months = [
        clause.months for clause in (statement or Statement()).clauses if clause.code == TS and clause.months
    ]
    if not months:
        return each
    return Permitted(
        each.dataset,
        each.version,
        each.node,
        each.body,
        each.dataset_type,
        each.decided,
        min(each.until, start + min(months) * MONTH),
        each.conditions,
        each.regions,
    )
