"""Whether a purpose fits a statement: approve, abstain, needs evidence, or deny; every clause with its reason.

DENY outweighs all; then what is missing; then what people must judge. Modifiers are never climbed: NPU and NCU are
subclasses of NPUNCU in DUO, although NPUNCU is the stricter of them.
Spec: GA4GH DUO 2021-02-23, definitions of the terms; the order of verdicts is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from opengdi.standards.duo.codes import CODES, Kind, ancestors, name
from opengdi.standards.duo.purposes import Organisations, Purpose, Topic
from opengdi.standards.duo.statements import Clause, Statement, is_country
from opengdi.standards.duo.verdicts import DUO, Diseases, DutyOfUse, Finding, Match, Verdict


@dataclass(frozen=True, slots=True)
class _Case:
    purpose: Purpose
    statement: Statement
    diseases: Diseases
    today: date


def match(purpose: Purpose, statement: Statement, diseases: Diseases, today: date) -> Match:
    """What the data use statement says of the purpose. today: against which ethics approvals are held."""
    case = _Case(purpose, statement, diseases, today)
    findings = [*_of_the_purpose(case), *_of_the_permission(case)]
    findings += [found for clause in _in_force(statement) for found in _of(clause, case)]
    return Match(
        max((found.verdict for found in findings), default=Verdict.ABSTAIN),
        tuple(findings),
        tuple(_duties(_in_force(statement))),
        (DUO, diseases.source),
    )


def _in_force(statement: Statement) -> list[Clause]:
    """Clauses as they are judged: one DS for all diseases, in the place of the first."""
    terms = frozenset(term for clause in statement.clauses if clause.code == DS for term in clause.terms)
    merged: list[Clause] = []
    for clause in statement.clauses:
        if clause.code != DS:
            merged.append(clause)
        elif not any(each.code == DS for each in merged):
            words = " ".join(each.text for each in statement.clauses if each.code == DS and each.text)
            merged.append(Clause(DS, terms, text=words))
    return merged


# -- what holds for the whole


def _of_the_purpose(case: _Case) -> Iterable[Finding]:
    if not case.purpose.is_said:
        yield Finding("", Verdict.NEEDS_EVIDENCE, "It is not said what the data will be used for.")
    if case.purpose.sensitive:
        named = tuple(sorted(case.purpose.sensitive))
        yield Finding("", Verdict.ABSTAIN, f"People must judge a purpose that is {', '.join(named)}.", named)


def _of_the_permission(case: _Case) -> Iterable[Finding]:
    """That there is a permission, and what none of the codes can decide: uses beyond research."""
    codes = {clause.code for clause in case.statement.clauses}
    permissions = [code for code in codes if code in CODES and CODES[code].kind is Kind.PERMISSION]
    if not permissions:
        yield Finding(
            "", Verdict.ABSTAIN, "The dataset names no permission; the body that decides must judge."
        )
        return
    if case.purpose.care and not (CC in codes or set(permissions) == {NRES}):
        yield Finding("", Verdict.DENY, "Clinical care is not among the permitted uses.", ("care",))
    if case.purpose.beyond and set(permissions) != {NRES}:
        yield Finding(
            "", Verdict.ABSTAIN, "DUO does not say whether uses beyond research and care are permitted."
        )


# -- what single clauses say

GRU, HMB, DS, POA, NRES, CC = (f"DUO:00000{number}" for number in ("42", "06", "07", "11", "04", "43"))

Rule = Callable[[Clause, _Case], Finding]


def _of(clause: Clause, case: _Case) -> Iterable[Finding]:
    known = CODES.get(clause.code)
    if known is None or known.kind in {Kind.ABSTRACT, Kind.INVESTIGATION}:
        yield Finding(clause.code, Verdict.DENY, f"{clause.code} is no code that a dataset can carry.")
    elif known.kind is Kind.OBSOLETE:
        instead = f"; {' and '.join(known.instead)} would be right" if known.instead else ""
        yield Finding(clause.code, Verdict.DENY, f"{clause.code} is obsolete{instead}.")
    else:
        yield _RULES[known.shorthand](clause, case)
        if clause.text:
            yield _found(clause, Verdict.ABSTAIN, "Only people can judge what is written beside the code.")


def _found(clause: Clause, verdict: Verdict, reason: str, terms: Iterable[str] = ()) -> Finding:
    return Finding(clause.code, verdict, reason, tuple(sorted(terms)))


def _either(clause: Clause, holds: bool, yes: str, no: str, terms: Iterable[str] = ()) -> Finding:  # noqa: FBT001
    return _found(clause, Verdict.APPROVE if holds else Verdict.DENY, yes if holds else no, terms)


def _no_restriction(clause: Clause, _case: _Case) -> Finding:
    return _found(clause, Verdict.APPROVE, "Every use is permitted.")


def _any_research(clause: Clause, _case: _Case) -> Finding:
    return _found(clause, Verdict.APPROVE, "All research is permitted.")


def _health(clause: Clause, case: _Case) -> Finding:
    outside = case.purpose.researches - {Topic.HEALTH}
    yes, no = "Research on health is permitted.", "Research other than on health is not permitted"
    return _either(clause, not outside, yes, f"{no}: {', '.join(sorted(outside))}.", outside)


def _ancestry_only(clause: Clause, case: _Case) -> Finding:
    outside = {*(case.purpose.researches - {Topic.ANCESTRY}), *case.purpose.diseases}
    yes, no = (
        "Research on ancestry is permitted.",
        "Only research on population origins or ancestry is permitted",
    )
    return _either(clause, not outside, yes, f"{no}: not {', '.join(sorted(outside))}.", outside)


def _diseases(clause: Clause, case: _Case) -> Finding:
    """Every disease of the purpose must be one of the clause's, or a kind of it; a broader purpose is refused."""
    if not clause.terms:
        return _found(clause, Verdict.ABSTAIN, "The dataset does not say for which disease.")
    named = ", ".join(sorted(clause.terms))
    if wider := case.purpose.researches:
        reason = f"The purpose is broader than research on {named}: {', '.join(sorted(wider))}."
        return _found(clause, Verdict.DENY, reason, clause.terms)
    hierarchy = case.diseases.hierarchy
    for disease in sorted(case.purpose.diseases):
        if any(disease == term or hierarchy.is_a(disease, term) for term in clause.terms):
            continue
        strange = sorted(term for term in (disease, *clause.terms) if not hierarchy.knows(term))
        if strange:
            reason = (
                f"Whether {disease} is a kind of {named} is not known: {strange[0]} is not in the hierarchy."
            )
            return _found(clause, Verdict.ABSTAIN, reason, (disease, *clause.terms))
        return _found(clause, Verdict.DENY, f"{disease} is no kind of {named}.", (disease, *clause.terms))
    return _found(
        clause, Verdict.APPROVE, f"Research on {named} is permitted.", {*case.purpose.diseases, *clause.terms}
    )


def _no_ancestry(clause: Clause, case: _Case) -> Finding:
    outside = case.purpose.researches & {Topic.ANY, Topic.ANCESTRY}
    return _either(
        clause,
        not outside,
        "There is no research on population origins or ancestry.",
        "Research on population origins or ancestry is prohibited.",
        outside,
    )


def _no_methods(clause: Clause, case: _Case) -> Finding:
    yes, no = "No methods are developed.", "Development of methods is not permitted."
    return _either(clause, not case.purpose.methods, yes, no)


def _genetic(clause: Clause, case: _Case) -> Finding:
    if case.purpose.genetic is None:
        return _found(clause, Verdict.NEEDS_EVIDENCE, "Say whether genotypes are studied.")
    yes, no = "Genotypes are studied.", "Studies of phenotypes alone are not permitted."
    return _either(clause, case.purpose.genetic, yes, no)


def _no_profit_organisation(clause: Clause, case: _Case) -> Finding:
    if case.purpose.organisations is Organisations.UNVERIFIED:
        reason = "It is not verified that every organisation works for no profit."
        return _found(clause, Verdict.NEEDS_EVIDENCE, reason)
    return _either(
        clause,
        case.purpose.organisations is Organisations.NOT_FOR_PROFIT,
        "Every organisation works for no profit.",
        "Organisations that work for profit may not use the data.",
    )


def _no_profit_use(clause: Clause, case: _Case) -> Finding:
    if case.purpose.commercial is None:
        return _found(clause, Verdict.NEEDS_EVIDENCE, "Say whether the use is for profit.")
    yes, no = "The use is for no profit.", "Use for profit is not permitted."
    return _either(clause, not case.purpose.commercial, yes, no)


def _no_profit_at_all(clause: Clause, case: _Case) -> Finding:
    both = (_no_profit_organisation(clause, case), _no_profit_use(clause, case))
    return max(both, key=lambda found: found.verdict)


def _care(clause: Clause, _case: _Case) -> Finding:
    return _found(clause, Verdict.APPROVE, "Clinical care is permitted too.")


def _geography(clause: Clause, case: _Case) -> Finding:
    if not clause.values or not all(map(is_country, clause.values)):
        return _found(
            clause, Verdict.ABSTAIN, "The dataset does not name countries by their codes.", clause.values
        )
    if not case.purpose.countries or not case.purpose.environments:
        reason = "The countries of the institutions and of the secure environment must be known."
        return _found(clause, Verdict.NEEDS_EVIDENCE, reason, clause.values)
    outside = (case.purpose.countries | case.purpose.environments) - clause.values
    within = ", ".join(sorted(clause.values))
    yes, no = f"Institutions and environment are within {within}.", f"Use outside {within} is not permitted"
    return _either(clause, not outside, yes, f"{no}: {', '.join(sorted(outside))}.", clause.values)


def _ethics(clause: Clause, case: _Case) -> Finding:
    approval = case.purpose.ethics
    if approval is None:
        reason = "An ethics approval is needed: its id, committee and day."
        return _found(clause, Verdict.NEEDS_EVIDENCE, reason)
    if not approval.holds_on(case.today):
        reason = f"Ethics approval {approval.id} does not hold on {case.today.isoformat()}."
        return _found(clause, Verdict.NEEDS_EVIDENCE, reason, (approval.id,))
    return _found(clause, Verdict.APPROVE, f"Ethics approval {approval.id} is given.", (approval.id,))


def _listed(what: str, of: Callable[[Purpose], frozenset[str]]) -> Rule:
    """All that the purpose names must be on the dataset's list; whoever is not may still show that they are."""

    def rule(clause: Clause, case: _Case) -> Finding:
        if not clause.values:
            return _found(clause, Verdict.ABSTAIN, f"The dataset does not list the approved {what}.")
        given = of(case.purpose)
        if not given or given - clause.values:
            reason = f"It must be shown that the {what} are approved for this dataset."
            return _found(clause, Verdict.NEEDS_EVIDENCE, reason)
        return _found(clause, Verdict.APPROVE, f"The {what} are approved for this dataset.")

    return rule


def _research_specific(clause: Clause, case: _Case) -> Finding:
    if not clause.terms:
        return _found(clause, Verdict.ABSTAIN, "Only people can judge a restriction that is not coded.")
    if not case.purpose.investigations:
        reason = "Say by DUO codes what kind of investigation it is."
        return _found(clause, Verdict.NEEDS_EVIDENCE, reason, clause.terms)
    outside = {code for code in case.purpose.investigations if not ancestors(code) & clause.terms}
    allowed = ", ".join(map(name, sorted(clause.terms)))
    return _either(
        clause,
        not outside,
        f"The investigation is {allowed}.",
        f"Only {allowed} is permitted.",
        clause.terms | case.purpose.investigations,
    )


def _dated(clause: Clause, _case: _Case) -> Finding:
    if clause.until is None:
        return _found(
            clause, Verdict.ABSTAIN, "The dataset does not say until when nothing may be published."
        )
    return _found(clause, Verdict.APPROVE, f"Nothing may be published before {clause.until.isoformat()}.")


def _limited(clause: Clause, _case: _Case) -> Finding:
    if clause.months is None:
        return _found(clause, Verdict.ABSTAIN, "The dataset does not say for how many months.")
    return _found(clause, Verdict.APPROVE, f"Use ends after {clause.months} months.")


def _collaboration(clause: Clause, _case: _Case) -> Finding:
    if clause.consent:
        return _found(clause, Verdict.ABSTAIN, "The first investigator must consent.")
    return _found(clause, Verdict.APPROVE, "Collaboration with the first investigators becomes a duty.")


def _duty(reason: str) -> Rule:
    return lambda clause, _case: _found(clause, Verdict.APPROVE, reason)


_RULES: Final[dict[str, Rule]] = {
    "NRES": _no_restriction,
    "GRU": _any_research,
    "HMB": _health,
    "DS": _diseases,
    "POA": _ancestry_only,
    "NPOA": _no_ancestry,
    "NMDS": _no_methods,
    "GSO": _genetic,
    "NPU": _no_profit_organisation,
    "NCU": _no_profit_use,
    "NPUNCU": _no_profit_at_all,
    "CC": _care,
    "GS": _geography,
    "MOR": _dated,
    "TS": _limited,
    "IRB": _ethics,
    "IS": _listed("institutions", lambda purpose: purpose.institutions),
    "US": _listed("people", lambda purpose: purpose.people),
    "PS": _listed("projects", lambda purpose: purpose.projects),
    "PUB": _duty("Publishing results becomes a duty."),
    "RTN": _duty("Returning derived data becomes a duty."),
    "COL": _collaboration,
    "RS": _research_specific,
}

_DUTIES: Final = {
    "DUO:0000019": "Make results available to the scientific community.",
    "DUO:0000020": "Collaborate with the first investigators of the dataset.",
    "DUO:0000024": "Publish nothing before that day.",
    "DUO:0000025": "Use ends after that many months.",
    "DUO:0000029": "Return derived and enriched data to the resource.",
}


def _duties(clauses: Iterable[Clause]) -> Iterable[DutyOfUse]:
    for clause in clauses:
        if clause.code in _DUTIES:
            yield DutyOfUse(clause.code, _DUTIES[clause.code], clause.until, clause.months)
