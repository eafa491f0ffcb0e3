"""Wiring of applications: at the hub everything, at a node the offers of what it publishes."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp

from opengdi.access.applications.api import (
    APPLICATIONS_BASE,
    CASE_ATTACHMENTS,
    Desk,
    Identify,
    application_routes,
    case_attachment_route,
)
from opengdi.access.applications.attachments import AttachmentStore, CommandScan, no_scan
from opengdi.access.applications.catalogue import Catalogue
from opengdi.access.applications.checks import Terms
from opengdi.access.applications.cohorts import Counting
from opengdi.access.applications.costs import PriceList
from opengdi.access.applications.deletions import Deletions
from opengdi.access.applications.offering import Offering
from opengdi.access.applications.offers import Offers, Tell
from opengdi.access.applications.reports import KeysOfBody, Reports
from opengdi.access.applications.service import Applications, Around, Follower
from opengdi.access.applications.view import Views
from opengdi.access.forms.library import FormLibrary, builtin_forms, forms_in
from opengdi.access.ledger import Ledger
from opengdi.access.ports import Matcher, OfferedDataset, Standings
from opengdi.access.texts import Texts
from opengdi.apps.access_settings import ConditionSettings
from opengdi.apps.cases import body_keys
from opengdi.apps.invitations import invitation_codes
from opengdi.apps.process import Part
from opengdi.apps.ticking import Ticking
from opengdi.kernel.http.edge import Limits
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.release import DatasetType
from opengdi.kernel.storage.directory import DirectoryStorage

if TYPE_CHECKING:
    from opengdi.apps.access_settings import AccessRequestSettings
    from opengdi.apps.access_wire import HubWire, NodeWire
    from opengdi.apps.hub import HubState
    from opengdi.apps.node import NodeState
    from opengdi.kernel.reception import Handle

ATTACHMENTS: Final = "attachments"
"""Name of the folder in the data directory, and of the secret that encrypts what lies in it."""

MULTIPART_BYTES: Final = 65_536
"""What an upload has besides the file itself."""


@dataclass(frozen=True, slots=True)
class ApplicationDesk:
    """The applications of a hub. handlers: of events, by kind."""

    desk: Desk
    applications: Applications
    catalogue: Catalogue
    handlers: dict[str, Handle]
    limits: Limits

    def part(self, gate: Callable[[ASGIApp], ASGIApp] | None = None) -> Part:
        """The routes. gate: puts a `PeerGate` around what only nodes may ask; None: they cannot."""
        own = Routing((case_attachment_route(self.desk),))
        return Part(
            routes=application_routes(self.desk),
            mounts={CASE_ATTACHMENTS: gate(own)} if gate else {},
            limits={APPLICATIONS_BASE: self.limits},
        )


def applications_at_hub(
    state: HubState,
    identify: Identify,
    wire: HubWire,
    standings: Standings,
    *,
    matcher: Matcher | None = None,
    count: Counting | None = None,
    followers: Sequence[Follower] = (),
) -> ApplicationDesk:
    """The applications of a hub, with their ears and their mouth on its wire."""
    keys = body_keys(state.settings.requests, state.keys)
    opened = open_applications(
        state,
        identify,
        standings=standings,
        keys_of=lambda body: keys.get(body, ()),
        tell=wire.feed.write,
        matcher=matcher,
        count=count,
        followers=followers,
    )
    for kind, handle in opened.handlers.items():
        wire.on_event(kind, handle)
    return opened


def open_applications(
    state: HubState,
    identify: Identify,
    *,
    standings: Standings,
    keys_of: KeysOfBody,
    tell: Tell,
    matcher: Matcher | None = None,
    count: Counting | None = None,
    followers: Sequence[Follower] = (),
) -> ApplicationDesk:
    """Everything wired. tell: `HubWire.feed.write`; keys_of: public keys of a body; followers: who hears of events.

    Raises Invalid for forms that are wrong, or changed after they came into use.
    """
    requests, hub = state.settings.requests, state.settings.hub
    settings, texts = requests.applications, Texts(state.engine)
    forms = open_forms(state)
    catalogue = Catalogue(state.engine, state.clock, map_offers(requests))
    offers = Offers(hub.id, texts, forms, tell)
    around = Around(
        ledger=Ledger(state.engine, state.clock, state.audit),
        clock=state.clock,
        texts=texts,
        forms=forms,
        standings=standings,
        datasets=catalogue,
        new_name=new_application_id,
        new_id=new_id,
        code_of=invitation_codes(state).of_application,
        hub=hub.id,
        central_body=settings.central_body or f"{hub.id}.dac",
        terms=tuple(Terms(one.id, one.title, one.url) for one in settings.terms),
        followers=(offers.follow, *followers),
    )
    applications = Applications(around)
    prices = {one.node: PriceList(**one.model_dump()) for one in settings.prices}
    store = _open_attachments(state)
    desk = Desk(applications, Views(texts, forms), store, identify, matcher, prices, count)
    handlers = Reports(applications, keys_of, new_id).handlers() | catalogue.handlers()
    return ApplicationDesk(desk, applications, catalogue, handlers, _limits(state))


def _open_attachments(state: HubState) -> AttachmentStore:
    settings = state.settings.requests.applications
    return AttachmentStore(
        DirectoryStorage(state.data_dir / ATTACHMENTS),
        state.keys.secret(ATTACHMENTS),
        Deletions(state.engine, state.clock),
        limit_bytes=settings.attachment_bytes,
        scan=CommandScan(settings.scanner, settings.scanner_s) if settings.scanner else no_scan,
        new_id=new_id,
    )


def _limits(state: HubState) -> Limits:
    """An attachment is longer than other requests, and a scanner looks at it meanwhile."""
    settings, limits = state.settings.requests.applications, state.settings.limits
    longest = max(limits.body_bytes, settings.attachment_bytes + MULTIPART_BYTES)
    return Limits(longest, settings.scanner_s + limits.request_s)


def open_forms(state: HubState) -> FormLibrary:
    """The forms that come with the package, and the operator's. Raises Invalid."""
    folder = state.settings.requests.applications.forms_dir
    return FormLibrary(state.engine, [*builtin_forms(), *(forms_in(folder) if folder else ())])


def map_offers(requests: AccessRequestSettings) -> list[OfferedDataset]:
    """What the settings say may be asked for."""
    return [
        OfferedDataset(
            dataset=one.dataset,
            version=one.version,
            node=one.node,
            body=one.body,
            title=one.title,
            dataset_type=DatasetType(one.type),
            duo=one.duo,
            url=one.url,
        )
        for one in requests.datasets
    ]


def offers_part(state: NodeState, wire: NodeWire) -> Part:
    """What keeps the hubs of a node informed of what may be asked for."""
    requests = state.settings.requests
    hubs = [hub.id for hub in state.settings.federation.hubs if hub.public_keys]
    offering = Offering(state.engine, hubs, wire.tell)

    ticking = Ticking(
        "offers", requests.offer_s, {"telling": lambda: offering.reconcile(published_offers(state))}
    )
    return Part(probes=(ticking.probe(),), background=(ticking.run,)) if hubs else Part()


def published_offers(state: NodeState) -> list[OfferedDataset]:
    """What may be asked for: what is published, is not kept back, and has a body that decides."""
    requests = state.settings.requests
    bodies = [body.id for body in requests.bodies if not body.node]
    only = bodies[0] if len(bodies) == 1 else ""
    conditions = {one.dataset: one for one in requests.conditions}
    offers = []
    for release in state.shelf.published():
        manifest = release.manifest
        known = conditions.get(manifest.dataset, ConditionSettings(dataset=manifest.dataset))
        elsewhere = manifest.dataset_type is DatasetType.EXTERNALLY_GOVERNED
        body = known.body or only
        if known.kept_back or not (body or elsewhere):
            continue
        offers.append(
            OfferedDataset(
                dataset=manifest.dataset,
                version=manifest.version,
                node=state.settings.node.id,
                body=body,
                title=manifest.title,
                dataset_type=manifest.dataset_type,
                duo=known.duo,
                url=known.url,
            )
        )
    return offers


def new_id() -> str:
    """32 hex digits that nobody guesses."""
    return secrets.token_hex(16)


def _base32_name(prefix: str) -> Callable[[], str]:
    def name() -> str:
        return f"{prefix}-{base64.b32encode(secrets.token_bytes(7)).decode()[:10]}"

    return name


new_application_id: Final = _base32_name("GDIA")
