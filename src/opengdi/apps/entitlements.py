"""Wiring of what permits open at a node: what hubs tell, checked against the node's own cases, for the visa issuer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from opengdi.access.cases.model import Case, State
from opengdi.access.cases.story import STORY as CASES
from opengdi.access.cases.story import of_application
from opengdi.access.kinds import PERSON_STANDING
from opengdi.access.ledger import Ledger
from opengdi.access.permits.entitlements.grants import CurrentGrants
from opengdi.access.permits.entitlements.model import CaseWord, Demands
from opengdi.access.permits.entitlements.service import Entitlements, Means
from opengdi.access.permits.held_api import held_permit_routes
from opengdi.access.permits.revocation_api import entitlement_routes
from opengdi.access.permits.service import CHANGED, ENDED, ISSUED
from opengdi.apps.cases import own_bodies
from opengdi.apps.doors import callers_of
from opengdi.apps.networks import external_url
from opengdi.apps.process import Part
from opengdi.apps.taking_back import revocation_notice
from opengdi.apps.ticking import Ticking
from opengdi.identity.model import Grant
from opengdi.identity.revocations.model import NOTICE as REVOCATION
from opengdi.kernel.errors import NotFound
from opengdi.kernel.feed import Notice
from opengdi.kernel.keys import PublicKey

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from opengdi.apps.access_wire import NodeWire
    from opengdi.apps.node import NodeState


@dataclass(frozen=True, slots=True)
class NodePermits:
    """What permits open at a node. grants: implements `identity.ports.Grants`."""

    entitlements: Entitlements
    grants: CurrentGrants[Grant]
    part: Part


def open_node_permits(state: NodeState, wire: NodeWire) -> NodePermits:
    """Permits at a node, and their ears on the wire."""
    entitlements = Entitlements(_means(state, wire))
    for kind, handle in (
        (ISSUED, entitlements.hear_permit),
        (CHANGED, entitlements.hear_permit),
        (ENDED, entitlements.hear_end),
        (PERSON_STANDING, entitlements.hear_standing),
    ):
        wire.on_from(kind, handle)
    look_s = state.settings.requests.permits.look_s
    ticking = Ticking("entitlements", look_s, {"time": entitlements.reconcile_now})
    part = Part(
        routes=[
            *entitlement_routes(entitlements, callers_of(state).identify),
            *held_permit_routes(entitlements, callers_of(state).identify, state.settings.node.id),
        ],
        probes=(ticking.probe(),),
        background=(ticking.run,),
    )
    return NodePermits(entitlements, CurrentGrants(entitlements, Grant), part)


def _means(state: NodeState, wire: NodeWire) -> Means:
    settings, base = state.settings.requests, external_url(state.settings.public)
    bodies = own_bodies(settings, state.keys)
    hubs = {
        hub.id: [PublicKey.from_text(text) for text in hub.public_keys]
        for hub in state.settings.federation.hubs
    }
    cases = Ledger(state.engine, state.clock, state.audit)

    def words(connection: Connection, application: str) -> Collection[CaseWord]:
        found = cases.states_within(connection, CASES, of_application(application))
        return [_word_of(case) for case in found if case.application.id == application]

    return Means(
        engine=state.engine,
        clock=state.clock,
        audit=state.audit,
        hub_keys=lambda hub: hubs.get(hub, ()),
        body_keys=lambda body: [bodies[body].key.public] if body in bodies else (),
        case_words=words,
        body_named=partial(_named_body, state, frozenset(bodies)),
        demands=Demands(
            state.settings.node.id,
            {id_: body.url or f"{base}/bodies/{id_}" for id_, body in bodies.items()},
            settings.permits.terms,
        ),
        tells=wire.tell,
        takes_back=partial(_tell_own_doors, state, wire),
    )


def _word_of(case: Case) -> CaseWord:
    said = case.decided
    rulings = {(each.dataset, each.version): each for each in said.rulings} if said else {}
    return CaseWord(
        case=case.id,
        hub=case.hub,
        application=case.application.id,
        body=case.body,
        kind=case.kind,
        about=frozenset({(each.dataset, each.version) for each in case.datasets} | rulings.keys()),
        at=said.at if said else None,
        rulings=rulings,
        people=said.people if said else frozenset(),
        vetoed=frozenset(case.vetoes),
        withdrawn=case.state is State.WITHDRAWN,
    )


def _named_body(state: NodeState, own: frozenset[str], dataset: str, version: str) -> str:
    """The body that this node names for a release: by its settings, or by the release itself.

    Where nobody is named and one body decides here, it is that one's.
    """
    for offered in state.settings.requests.datasets:
        if (offered.dataset, offered.version) == (dataset, version):
            return offered.body
    try:
        decided_by = state.shelf.find(dataset, version).manifest.decided_by
    except NotFound:
        decided_by = ""
    if decided_by in own:
        return decided_by
    return next(iter(own)) if len(own) == 1 else ""


def _tell_own_doors(
    state: NodeState,
    wire: NodeWire,
    connection: Connection,
    kind: str,
    *,
    node: str = "",
    **which: str,
) -> None:
    """What this node takes back holds at its own doors before the hub has told everybody."""
    now = state.clock.now()
    body = revocation_notice(kind, now, node=node, **which)
    for handle in wire.handlers_for(node).get(REVOCATION, ()):
        handle(connection, Notice(0, REVOCATION, now, body))
