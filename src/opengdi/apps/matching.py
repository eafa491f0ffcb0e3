"""Wiring of what conditions of use say to a purpose: to the bodies of cases, and to machines that may decide."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opengdi.access.cases.ports import Matching
from opengdi.access.model import Purpose
from opengdi.access.permits.automatic import Automation
from opengdi.access.permits.precheck import Precheck, Verified, match_told, use_of
from opengdi.access.ports import Datasets
from opengdi.apps.applications import map_offers
from opengdi.kernel.errors import Invalid
from opengdi.standards.duo.verdicts import Diseases, Source
from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.files import parse_csv, parse_obo
from opengdi.standards.ontology.graph import Ontology

if TYPE_CHECKING:
    from opengdi.apps.access_settings import AccessRequestSettings, PermitSettings
    from opengdi.apps.hub import HubState
    from opengdi.apps.node import NodeState


def open_diseases(settings: PermitSettings) -> Diseases:
    """The hierarchy of diseases of the settings; without one only equal terms match. Raises Invalid."""
    if settings.diseases is None:
        return Diseases(Ontology(), Source("MONDO", "none", ""))
    try:
        text = settings.diseases.read_text(encoding="utf-8")
        terms = parse_obo(text) if settings.diseases.suffix == ".obo" else parse_csv(text)
    except (OSError, UnicodeDecodeError, Malformed) as error:
        raise Invalid(f"requests.permits.diseases {settings.diseases}: {error}") from error
    checksum = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return Diseases(Ontology(terms), Source("MONDO", settings.diseases_version or "unnamed", checksum))


def environments_of(settings: PermitSettings) -> Mapping[str, str]:
    """Country of each environment that is known."""
    return {each.id: each.country for each in settings.environments}


def open_matching(state: NodeState | HubState, datasets: Datasets | None = None) -> Matching:
    """For `cases`: what the conditions of a dataset say to an application. datasets: the hub's catalogue."""
    settings = state.settings.requests
    precheck = Precheck(open_diseases(settings.permits), lambda: state.clock.now().date())
    environments = environments_of(settings.permits)
    named = {(each.dataset, each.version): each.duo for each in map_offers(settings)}
    conditions = {each.dataset: each.duo for each in settings.conditions}

    def matching(application: Mapping[str, Any], dataset: str, version: str) -> Mapping[str, Any] | None:
        duo = named.get((dataset, version), conditions.get(dataset))
        if duo is None and datasets is not None and (offered := datasets.find(dataset, version)):
            duo = offered.duo
        if duo is None:
            return None
        try:
            place = environments.get(str(application.get("environment", "")), "")
            verified = Verified(environments=frozenset({place} - {""}))
            use = use_of(Purpose(application["purpose"]), application.get("duo") or {}, verified)
            return match_told(precheck.full(use, duo))
        except (Invalid, KeyError, ValueError) as error:
            return {"verdict": "abstain", "findings": [{"reason": str(error)}], "duties": [], "sources": []}

    return matching


def open_automation(settings: AccessRequestSettings) -> Automation:
    """What holders let machines decide (`apps.automatic` hands it to cases). Raises Invalid."""
    permits = settings.permits
    return Automation(frozenset(permits.automatic), open_diseases(permits), permits.automatic_days)
