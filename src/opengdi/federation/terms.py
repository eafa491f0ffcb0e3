"""Filtering terms of a network: all that its members tell, and of one dataset what all that serve it tell. Pure.

A member lists the terms that enough of its people have. A dataset that lies at two members is as open as the stricter
of them, so what one of them hides is hidden. Decision 0011.

Spec: Beacon v2.2.0, framework `responses/` (beaconFilteringTermsResponse).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import is_

import msgspec

from opengdi.federation.directory import FILTERING_TERMS, Known, Profile
from opengdi.federation.model import Json, Member
from opengdi.standards.beacon.entry_types import parse_scope
from opengdi.standards.beacon.questions import EntryType
from opengdi.standards.faults import Malformed

_Terms = dict[str, Json]
"""Terms by id."""


class UnitedTerms:
    """The union by id of what members tell; made anew only when one of them tells something else.

    Twenty-seven members with 3,000 terms each take 0.2 s (2026-11).
    """

    def __init__(self) -> None:
        self._of: Sequence[Profile] = ()
        self._terms: _Terms = {}
        self._resources: _Terms = {}

    def page(self, known: Known, scope: EntryType | None, *, skip: int, limit: int) -> Json:
        """`/filtering_terms` with merged scopes, `skip` pages of `limit`; limit 0 gives all."""
        profiles = [profile for _, profile in known]
        if len(profiles) != len(self._of) or not all(map(is_, profiles, self._of)):
            self._unite(profiles)
        kept = [term for term in self._terms.values() if scope is None or _concerns(term, scope)]
        size = limit or len(kept)
        shown = kept[skip * size : skip * size + size]
        return {"filteringTerms": shown, "resources": list(self._resources.values())}

    def _unite(self, profiles: Sequence[Profile]) -> None:
        terms: _Terms = {}
        resources: _Terms = {}
        for profile in profiles:
            _add_terms(terms, profile)
            for name, resource in _resources(profile).items():
                resources.setdefault(name, resource)
        self._of, self._terms, self._resources = profiles, terms, resources


def of_dataset(told: Known, serving: Iterable[str]) -> Known:
    """What is told of one dataset by all members that serve it; nothing while one of them is silent.

    serving: ids of the Beacons that are known to serve it. Of the others those count that tell any term of it.
    """
    known = frozenset(serving)
    if known - {member.service for member, profile in told if profile.responses}:
        return ()
    return _by_all(
        [(member, profile) for member, profile in told if member.service in known or _tells(profile)]
    )


def of_cohort(told: Known, shared: Iterable[frozenset[str]]) -> Known:
    """What is told of one cohort: ids of cohorts are each member's own, so members add up.

    shared: ids of Beacons that serve one dataset together, for each such dataset. A cohort of theirs may be the same
    people, so of them is told what all tell that tell anything.
    """
    groups = [[each] for each in told if _tells(each[1])]
    for together in shared:
        touched = [group for group in groups if any(member.service in together for member, _ in group)]
        if len(touched) > 1:
            touched[0].extend(each for group in touched[1:] for each in group)
            groups = [group for group in groups if group not in touched[1:]]
    return [each for group in groups for each in _by_all(group)]


def _by_all(told: Sequence[tuple[Member, Profile]]) -> Known:
    """As one member would tell it that hides what any of them hides."""
    if not told:
        return ()
    terms = reduce(_common_terms, (_add_terms({}, profile) for _, profile in told))
    resources = reduce(_common, (_resources(profile) for _, profile in told))
    response: Json = {"filteringTerms": list(terms.values()), "resources": list(resources.values())}
    return [(told[0][0], Profile({FILTERING_TERMS: response}))]


def _common(ours: _Terms, theirs: _Terms) -> _Terms:
    return {name: each for name, each in ours.items() if name in theirs}


def _common_terms(ours: _Terms, theirs: _Terms) -> _Terms:
    narrowed = ((name, _narrowed(term, theirs[name])) for name, term in _common(ours, theirs).items())
    return {name: term for name, term in narrowed if term is not None}


def _narrowed(ours: Json, theirs: Json) -> Json | None:
    """The term with the scopes and values that both tell; None if they have no scope in common."""
    scopes = _shared(ours["scopes"], theirs["scopes"])
    if not scopes and ours["scopes"] and theirs["scopes"]:
        return None
    term = {name: value for name, value in ours.items() if name != "values"}
    values = _shared(ours.get("values"), theirs.get("values"))
    # Who names no scope means it of whatever there is; who names no value has none to tell.
    term["scopes"] = scopes or ours["scopes"] or theirs["scopes"]
    return term | {"values": values} if values else term


def _shared(ours: object, theirs: object) -> list[object]:
    told = _by_text(theirs)
    return [each for text, each in _by_text(ours).items() if text in told]


def _tells(profile: Profile) -> bool:
    return bool(profile.listed(FILTERING_TERMS, "filteringTerms"))


def _resources(profile: Profile) -> _Terms:
    return {str(each.get("id")): each for each in profile.listed(FILTERING_TERMS, "resources")}


def _add_terms(terms: _Terms, profile: Profile) -> _Terms:
    for term in profile.listed(FILTERING_TERMS, "filteringTerms"):
        _add_term(terms, term)
    return terms


def _add_term(terms: _Terms, term: Json) -> None:
    """Terms are told by id and label only: members' counts are theirs to tell."""
    identifier = term.get("id")
    if not isinstance(identifier, str):
        return
    kept = terms.setdefault(
        identifier,
        {name: term[name] for name in ("type", "id", "label", "values") if name in term} | {"scopes": []},
    )
    scopes = kept["scopes"]
    assert isinstance(scopes, list)
    scopes.extend(scope for scope in _scopes(term) if scope not in scopes)
    if isinstance(term.get("values"), list):
        kept["values"] = _union(kept.get("values"), term["values"])


def _scopes(term: Mapping[str, object]) -> Iterable[str]:
    """Scopes as entry type ids: before 2.1 `scope` was one string, and members write plurals."""
    given = term.get("scopes", term.get("scope"))
    for scope in given if isinstance(given, list) else [given]:
        try:
            yield parse_scope(str(scope)).value
        except Malformed:
            continue


def _union(ours: object, theirs: object) -> list[object]:
    return list((_by_text(ours) | _by_text(theirs)).values())


def _by_text(values: object) -> dict[bytes, object]:
    """The distinct items of a list, in order; there may be thousands, and of any kind."""
    return {msgspec.json.encode(each): each for each in _listed(values)}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _concerns(term: Json, scope: EntryType) -> bool:
    return scope.value in _listed(term["scopes"])
