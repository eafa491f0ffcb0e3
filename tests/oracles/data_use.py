"""Data use by brute force: a purpose and a permission are sets of single uses, and one fits if it is within the other.

Nothing here is shared with `opengdi.standards.duo` but the words that go in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

PARENTS = {"M:cancer": "M:disease", "M:lung": "M:cancer", "M:breast": "M:cancer", "M:diabetes": "M:disease"}
DISEASES = ("M:disease", *PARENTS)
SUBJECTS = (*DISEASES, "health in general", "ancestry", "other")


def below(disease: str) -> set[str]:
    """A disease and all kinds of it."""
    found = {disease}
    while more := {child for child, parent in PARENTS.items() if parent in found} - found:
        found |= more
    return found


HEALTH = {*DISEASES, "health in general"}
TOPICS = {"any": set(SUBJECTS), "health": HEALTH, "ancestry": {"ancestry"}, "other": {"other"}}


@dataclass(frozen=True)
class Use:
    """One single use; subject `care` is clinical care."""

    subject: str
    methods: bool
    genetic: bool
    commercial: bool
    profit: bool
    country: str


ALL_USES = frozenset(
    Use(subject, *rest, country)
    for subject in (*SUBJECTS, "care")
    for *rest, country in product((False, True), (False, True), (False, True), (False, True), ("EE", "FI"))
)


def uses_of(
    topics: Iterable[str], diseases: Iterable[str], *, care: bool, methods: bool, genetic: bool = True,
    commercial: bool = False, profit: bool = False, country: str = "EE",
) -> frozenset[Use]:  # fmt: skip
    """All single uses that a purpose consists of."""
    subjects: set[str] = set().union(*(TOPICS[topic] for topic in topics), *map(below, diseases))
    if methods and not subjects and not care:
        subjects = set(SUBJECTS)
    subjects |= {"care"} if care else set()
    return frozenset(Use(subject, methods, genetic, commercial, profit, country) for subject in subjects)


def permitted_by(permission: str, diseases: Iterable[str], modifiers: frozenset[str]) -> frozenset[Use]:
    """All single uses that a dataset is open to."""
    subjects = {
        "NRES": {*SUBJECTS, "care"},
        "GRU": set(SUBJECTS),
        "HMB": HEALTH,
        "POA": {"ancestry"},
        "DS": set().union(*map(below, diseases)),
    }[permission] | ({"care"} if "CC" in modifiers else set())
    return frozenset(
        use
        for use in ALL_USES
        if use.subject in subjects
        and not ("NMDS" in modifiers and use.methods)
        and not ("NPOA" in modifiers and use.subject == "ancestry")
        and not ("GSO" in modifiers and not use.genetic)
        and not (modifiers & {"NPU", "NPUNCU"} and use.profit)
        and not (modifiers & {"NCU", "NPUNCU"} and use.commercial)
        and not ("GS" in modifiers and use.country != "EE")
    )
