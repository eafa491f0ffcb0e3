"""Who may do what when, as data: the pages of reference are made from these tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

from opengdi.access.organisations.model import Capacity, OrganisationState, PersonState, ProviderState
from opengdi.kernel.errors import Conflict, NotPermitted

_OPERATOR, _OFFICIAL = Capacity.OPERATOR, Capacity.OFFICIAL
_REGISTRANT, _INVITED, _SELF = Capacity.REGISTRANT, Capacity.INVITED, Capacity.SELF
_COORDINATION = Capacity.COORDINATION

_CARE: Final = frozenset({"record-check", "appoint-official", "invite-official", "remove-official", "close"})
_SIGNING: Final = frozenset({"sign", "ask-signature"})
_NAMING: Final = frozenset({"assign-person", "invite-person", "cancel-invitation"})
_JOINING: Final = frozenset({"accept-office", "join"})

ORGANISATION: Final[Mapping[tuple[OrganisationState, Capacity], frozenset[str]]] = {
    (OrganisationState.REGISTERED, _OPERATOR): _CARE | {"correct", "vet"},
    (OrganisationState.REGISTERED, _REGISTRANT): frozenset({"correct", "invite-official", "close"}),
    (OrganisationState.REGISTERED, _INVITED): frozenset({"accept-office"}),
    (OrganisationState.VETTED, _OPERATOR): _CARE | {"suspend"},
    (OrganisationState.VETTED, _OFFICIAL): _SIGNING | {"invite-official"},
    (OrganisationState.VETTED, _REGISTRANT): frozenset({"invite-official"}),
    (OrganisationState.VETTED, _INVITED): frozenset({"accept-office"}),
    (OrganisationState.AGREED, _OPERATOR): _CARE | {"activate", "suspend"},
    (OrganisationState.AGREED, _OFFICIAL): _SIGNING | _NAMING | {"invite-official"},
    (OrganisationState.AGREED, _INVITED): _JOINING,
    (OrganisationState.ACTIVE, _OPERATOR): _CARE | {"suspend"},
    (OrganisationState.ACTIVE, _OFFICIAL): _SIGNING | _NAMING | {"invite-official", "remove-official"},
    (OrganisationState.ACTIVE, _INVITED): _JOINING,
    (OrganisationState.SUSPENDED, _OPERATOR): _CARE | {"reinstate"},
    (OrganisationState.SUSPENDED, _OFFICIAL): _SIGNING,
}

PERSON: Final[Mapping[tuple[PersonState, Capacity], frozenset[str]]] = {
    (PersonState.UNKNOWN, _OFFICIAL): frozenset({"assign"}),
    (PersonState.UNKNOWN, _INVITED): frozenset({"assign"}),
    (PersonState.ASSIGNED, _OPERATOR): frozenset({"vet", "revoke"}),
    (PersonState.ASSIGNED, _OFFICIAL): frozenset({"revoke"}),
    (PersonState.ASSIGNED, _SELF): frozenset({"sign", "leave"}),
    (PersonState.VETTED, _OPERATOR): frozenset(
        {"record-training", "confirm-affiliation", "record-licence", "withdraw-licence", "revoke"}
    ),
    (PersonState.VETTED, _OFFICIAL): frozenset({"confirm-affiliation", "revoke"}),
    (PersonState.VETTED, _SELF): frozenset({"sign", "leave"}),
    (PersonState.ACTIVE, _OPERATOR): frozenset(
        {"record-training", "confirm-affiliation", "record-licence", "withdraw-licence", "revoke"}
    ),
    (PersonState.ACTIVE, _OFFICIAL): frozenset({"confirm-affiliation", "revoke"}),
    (PersonState.ACTIVE, _SELF): frozenset({"sign", "leave"}),
    (PersonState.REVOKED, _OFFICIAL): frozenset({"assign"}),
    (PersonState.REVOKED, _INVITED): frozenset({"assign"}),
}

_STEADY: Final = frozenset({"correct", "record-agreement", "end-agreement", "link-plan"})

PROVIDER: Final[Mapping[tuple[ProviderState, Capacity], frozenset[str]]] = {
    (ProviderState.UNKNOWN, _COORDINATION): frozenset({"identify"}),
    (ProviderState.IDENTIFIED, _COORDINATION): frozenset({"correct", "contact"}),
    (ProviderState.CONTACTED, _COORDINATION): frozenset({"correct", "link-plan", "fund"}),
    (ProviderState.FUNDED, _COORDINATION): frozenset({"correct", "link-plan", "review-legal-basis"}),
    (ProviderState.LEGAL_BASIS_REVIEWED, _COORDINATION): _STEADY | {"review-legal-basis"},
    (ProviderState.AGREEMENTS_SIGNED, _COORDINATION): _STEADY | {"onboard"},
    (ProviderState.ONBOARDED, _COORDINATION): _STEADY | {"suspend"},
    (ProviderState.SUSPENDED, _COORDINATION): _STEADY | {"reinstate"},
}

St = TypeVar("St", bound=StrEnum)


def permitted(
    table: Mapping[tuple[St, Capacity], frozenset[str]], state: St, capacities: Iterable[Capacity]
) -> frozenset[str]:
    """The commands that somebody may give now."""
    return frozenset().union(*(table.get((state, capacity), frozenset()) for capacity in capacities))


def require(
    table: Mapping[tuple[St, Capacity], frozenset[str]],
    state: St,
    capacities: frozenset[Capacity],
    command: str,
) -> None:
    """Nothing, if the command is permitted.

    Raises NotPermitted if it is never theirs to give, Conflict if it is, but not in this state.
    """
    if command in permitted(table, state, capacities):
        return
    ever = any(command in commands for (_, capacity), commands in table.items() if capacity in capacities)
    if not ever:
        raise NotPermitted(f"{command} is not for {', '.join(sorted(capacities)) or 'a stranger'}")
    raise Conflict(
        f"{command} is not possible while the state is {state}",
        public=f"{command} is not possible in the state {state}.",
    )
