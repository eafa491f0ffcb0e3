"""The check of a permit by whoever holds it, without asking anybody. Pure: keys and time come in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from opengdi.access.decision import Decision, open_decision
from opengdi.access.model import AskedDataset
from opengdi.access.permits.document import PermitDocument, SignedPermit
from opengdi.access.permits.grants import common_regions, granted
from opengdi.access.permits.model import State
from opengdi.kernel.keys.signatures import PublicKey
from opengdi.standards.faults import Malformed, Unverified


@dataclass(frozen=True, slots=True)
class CheckedDecision:
    """A decision inside. word: `holds`, or what is known instead; at, case: of one that holds."""

    body: str
    word: str
    at: datetime | None = None
    case: str = ""


@dataclass(frozen=True, slots=True)
class OfflineVerdict:
    """word: `holds`, or why it does not; faults: what is wrong with the permit itself."""

    word: str
    decisions: tuple[CheckedDecision, ...]
    faults: tuple[str, ...]


def verdict_of(
    signed: SignedPermit, body_keys: Mapping[str, Collection[PublicKey]], now: datetime
) -> OfflineVerdict:
    """What can be said of a permit whose signature was checked.

    body_keys: of those bodies whose decisions are to be checked; if of all, every dataset must follow from them.
    """
    document, checked, faults = signed.document, list[CheckedDecision](), []
    opened: list[Decision] = []
    for each in document.decisions:
        keys = body_keys.get(each.body)
        if keys is None:
            checked.append(CheckedDecision(each.body, "not checked: no key given"))
            continue
        try:
            decision = open_decision(each.jws, keys, body=each.body)
        except (Unverified, Malformed) as error:
            checked.append(CheckedDecision(each.body, "does not hold"))
            faults.append(f"the decision of {each.body} does not hold: {error}")
            continue
        opened.append(decision)
        checked.append(CheckedDecision(each.body, "holds", decision.at, decision.case))
    if not faults and len(opened) == len(document.decisions):
        faults += _unfounded(document, opened)
    return OfflineVerdict(_word(document, now), tuple(checked), tuple(faults))


def _word(document: PermitDocument, now: datetime) -> str:
    if document.state is not State.ACTIVE:
        return document.state.value
    if now < document.issued:
        return "not yet in force"
    return "holds" if now < document.until else "expired"


def _unfounded(document: PermitDocument, decisions: Collection[Decision]) -> list[str]:
    """Datasets that do not follow from the decisions on any of the applications that the permit rests on."""
    faults = []
    for each in document.datasets:
        asked = AskedDataset(each.dataset, each.version, each.node, each.body, each.type)
        found = [
            permitted
            for application in {basis.application for basis in document.bases}
            for permitted in granted([asked], [one for one in decisions if one.application == application])
        ]
        if not any(
            each.until <= permitted.until
            and common_regions([each.regions, permitted.regions]) == (each.regions or permitted.regions)
            and (bool(each.regions) or not permitted.regions)
            for permitted in found
        ):
            faults.append(f"{each.dataset} version {each.version} does not follow from the decisions")
    return faults
