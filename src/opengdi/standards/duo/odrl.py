"""A data use statement as an ODRL offer, for catalogues and for programs that know ODRL and not DUO.

Each code is a permission, a prohibition or a duty; what ODRL has no word for is told by the DUO term itself.
Spec: W3C ODRL Information Model 2.2 (Offer, Permission, Prohibition, Duty, Constraint); the mapping of codes follows
duo-odrl-dpv (CC BY 4.0) in kind, and keeps the DUO term as the right operand of the purpose.
"""

from __future__ import annotations

from typing import Any, Final

from opengdi.standards.duo.codes import CODES, Kind, name
from opengdi.standards.duo.statements import Clause, Statement

CONTEXT: Final = "http://www.w3.org/ns/odrl.jsonld"
TERM: Final = "http://purl.obolibrary.org/obo/"

_PROHIBITIONS: Final = {"NMDS": "DUO_0000031", "NPOA": "DUO_0000033"}
"""Code → what may not be done, as an investigation of DUO."""

_DUTIES: Final = {"PUB": "distribute", "RTN": "grantUse", "COL": "inform", "IRB": "reviewPolicy"}
"""Code → the action of ODRL that comes nearest."""


def as_offer(statement: Statement, target: str, uid: str) -> dict[str, Any]:
    """An `odrl:Offer` in JSON-LD. target: IRI of the dataset; uid: of the offer.

    A statement with no permission offers nothing: `permission` is missing then. Codes that DUO does not have, or that
    no dataset can carry, make the offer prohibit every use, as the match refuses it.
    """
    told: dict[str, Any] = {"@context": CONTEXT, "@type": "Offer", "uid": uid}
    known = [clause for clause in statement.clauses if _usable(clause)]
    if len(known) < len(statement.clauses):
        return told | {"prohibition": [{"target": target, "action": "use"}]}
    permissions = [clause for clause in known if CODES[clause.code].kind is Kind.PERMISSION]
    constraints = [each for clause in known for each in _constraints(clause)]
    duties = [each for clause in known for each in _duties(clause)]
    if permissions:
        permission: dict[str, Any] = {"target": target, "action": "use"}
        permission |= {"constraint": constraints} if constraints else {}
        told["permission"] = [permission | ({"duty": duties} if duties else {})]
    prohibited = [_PROHIBITIONS[name(each.code)] for each in known if name(each.code) in _PROHIBITIONS]
    if prohibited:
        told["prohibition"] = [
            {"target": target, "action": "use", "constraint": [_purpose("isA", TERM + each)]}
            for each in prohibited
        ]
    return told


def _usable(clause: Clause) -> bool:
    known = CODES.get(clause.code)
    return known is not None and known.kind in {Kind.PERMISSION, Kind.MODIFIER}


def _purpose(operator: str, right: str) -> dict[str, Any]:
    return {"leftOperand": "purpose", "operator": operator, "rightOperand": {"@id": right}}


def _term(curie: str) -> str:
    return TERM + curie.replace(":", "_")


def _constraints(clause: Clause) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    match name(clause.code):
        case "DS" if clause.terms:
            found = [{"or": [_purpose("isA", _term(each)) for each in sorted(clause.terms)]}]
        case "DS" | "HMB" | "POA" | "GRU" | "GSO" | "NCU" | "CC" | "RS":
            found = [_purpose("isA", _term(clause.code))]
        case "NPU" | "NPUNCU":
            found = [_recipient("isA", [_term(clause.code)])]
        case "US" | "IS" | "PS":
            found = [_recipient("isAnyOf", sorted(clause.values) or [_term(clause.code)])]
        case "GS":
            found = [{"leftOperand": "spatial", "operator": "isAnyOf", "rightOperand": sorted(clause.values)}]
        case "TS" if clause.months is not None:
            found = [
                {"leftOperand": "elapsedTime", "operator": "lteq", "rightOperand": _months(clause.months)}
            ]
    return found


def _recipient(operator: str, right: list[str]) -> dict[str, Any]:
    return {"leftOperand": "recipient", "operator": operator, "rightOperand": right}


def _months(months: int) -> dict[str, str]:
    return {"@value": f"P{months}M", "@type": "http://www.w3.org/2001/XMLSchema#duration"}


def _duties(clause: Clause) -> list[dict[str, Any]]:
    shorthand = name(clause.code)
    if shorthand in _DUTIES:
        return [{"action": _DUTIES[shorthand], "source": _term(clause.code)}]
    if shorthand == "MOR" and clause.until is not None:
        after = {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": clause.until.isoformat()}
        return [{"action": "distribute", "source": _term(clause.code), "constraint": [after]}]
    return []
