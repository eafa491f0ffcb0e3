"""The one place that decides whether a caller may have data, or submit them. Pure: time comes in.

What is not there and what may not be had are told alike, so that nobody learns by asking what a node holds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from opengdi.kernel.errors import NotAuthenticated, NotPermitted
from opengdi.kernel.ids import ReleaseId
from opengdi.kernel.principal import Principal, Role, Tier, Visa
from opengdi.standards.coordinates import Interval


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of a thing a caller may have: `whole`, or what overlaps `regions` and not a byte more.

    datasets: those whose visas open that much; the thing may lie in others, too.
    """

    whole: bool
    regions: tuple[Interval, ...] = ()
    datasets: frozenset[str] = frozenset()


def reach(asker: Principal, releases: Collection[ReleaseId], now: datetime) -> Reach:
    """What the caller's visas open together of a thing that lies in `releases`; in none: it does not exist.

    Raises NotAuthenticated if nobody knows who asks, NotPermitted if no visa of theirs holds now.
    """
    held = [visa for visa in asker.visas if visa.opens_any(releases) and visa.holds_at(now)]
    if whole := [visa for visa in held if not visa.regions]:
        return Reach(whole=True, datasets=_datasets(whole))
    if held:
        regions = tuple(region for visa in held for region in visa.regions)
        return Reach(whole=False, regions=regions, datasets=_datasets(held))
    if asker.is_anonymous:
        raise NotAuthenticated("nobody known asks for data")
    raise NotPermitted(f"{asker.subject} holds no visa for this, or it does not exist")


def _datasets(visas: Collection[Visa]) -> frozenset[str]:
    return frozenset(visa.dataset for visa in visas)


def submitting(asker: Principal) -> str:
    """The one provider for whom the caller may submit files. Raises NotAuthenticated, NotPermitted."""
    if asker.is_anonymous:
        raise NotAuthenticated("nobody known submits files")
    providers = [duty.of for duty in asker.duties if duty.role is Role.PROVIDER and duty.of]
    if not providers:
        raise NotPermitted(f"{asker.subject} may not submit files")
    if len(providers) > 1:
        raise NotPermitted(
            f"{asker.subject} submits for {len(providers)} providers",
            public="You submit for several providers: use a key that is for one of them.",
        )
    return providers[0]


def on_duty(asker: Principal, *roles: Role, of: str = "") -> None:
    """Nothing, if the caller has one of the roles for `of` (a body, an organisation), or for the whole service.

    Raises NotAuthenticated if nobody knows who asks, NotPermitted.
    """
    if asker.is_anonymous:
        raise NotAuthenticated("nobody known asks to act in a role")
    if not any(asker.holds(role, of) for role in roles):
        raise NotPermitted(f"{asker.subject} is no {' or '.join(roles)} of {of or 'this service'}")


def registered(asker: Principal) -> None:
    """Nothing, if the caller is a registered researcher, or has a visa. Raises NotAuthenticated, NotPermitted."""
    if asker.is_anonymous:
        raise NotAuthenticated("nobody known asks about people")
    if asker.tier < Tier.REGISTERED and not asker.visas:
        raise NotPermitted(
            f"{asker.subject} is not registered",
            public="This is for registered researchers: a ResearcherStatus and accepted terms are needed.",
        )


def known(asker: Principal) -> str:
    """The subject of somebody who logged in or came with a credential. Raises NotAuthenticated."""
    if asker.is_anonymous:
        raise NotAuthenticated("nobody known asks")
    return asker.subject
