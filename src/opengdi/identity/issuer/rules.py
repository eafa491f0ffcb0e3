"""Which visas may be signed now. One grant is one visa, `asserted` is the time of the decision, `exp` comes soon.

Spec: GA4GH AAI OIDC Profile 1.2.1, "Conformance for Visa Issuers"; GA4GH Passport 1.2.1; E-22, E-50.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from opengdi.identity.issuer.model import IssuerProfile, Planned
from opengdi.identity.model import Grant, Standing
from opengdi.identity.values import grant_values
from opengdi.standards.passport import (
    BONA_FIDE,
    By,
    Claims,
    Identity,
    Visa,
    VisaObject,
    VisaType,
    write_links,
)

NewId = Callable[[], str]
"""A fresh unguessable id each time."""

ORGANISATIONS_PATH = "/access/v1/organisations"


def visas_for_grants(
    grants: Iterable[Grant], profile: IssuerProfile, now: datetime, new_id: NewId
) -> Iterator[Planned]:
    """A visa for each grant that holds now and names a version; several for one whose regions do not fit into one.

    Raises Invalid for a dataset whose name does not fit.
    """
    for grant in grants:
        until = min(grant.until, now + profile.lifetime).replace(microsecond=0)  # as `exp` can tell it
        if until <= now or not grant.version:  # a visa without version would open what nobody decided on
            continue
        for value in grant_values(profile.iss, grant.dataset, grant.version, grant.regions):
            told = VisaObject(
                VisaType.CONTROLLED_ACCESS, value, grant.source, grant.asserted, By.DATA_ACCESS_COMMITTEE
            )
            # A permit's id in front lets every node refuse all visas of a permit that was taken back.
            jti = f"{grant.permit}.{new_id()}" if grant.permit else new_id()
            yield Planned(
                Visa(Claims(profile.iss, grant.subject, now, until, jti), told), grant.dataset, grant.permit
            )


def visas_for_standing(
    standing: Standing, profile: IssuerProfile, now: datetime, new_id: NewId
) -> Iterator[Planned]:
    """What may be said of a person now. Of one whose organisation or training no longer holds: accepted terms only."""
    until = min(standing.until or now + profile.lifetime, now + profile.lifetime).replace(microsecond=0)
    in_order = standing.in_good_standing and until > now
    for told in _said(standing, profile, now, in_order=in_order):
        end = until if in_order else now + profile.lifetime
        yield Planned(Visa(Claims(profile.iss, standing.subject, now, end, new_id()), told))


def _said(
    standing: Standing, profile: IssuerProfile, now: datetime, *, in_order: bool
) -> Iterator[VisaObject]:
    organisation = f"{profile.iss}{ORGANISATIONS_PATH}/{standing.organisation}"
    official = By.SIGNING_OFFICIAL
    if in_order and standing.affiliation:
        # That the person still belongs there was looked up now, so that is when it is asserted.
        yield VisaObject(VisaType.AFFILIATION_AND_ROLE, standing.affiliation, organisation, now, official)
    if in_order and standing.bona_fide_since is not None:
        since = standing.bona_fide_since
        yield VisaObject(VisaType.RESEARCHER_STATUS, BONA_FIDE, organisation, since, official)
    for url, accepted in standing.terms:
        yield VisaObject(VisaType.ACCEPTED_TERMS, url, profile.iss, accepted, By.SELF)


def visa_for_links(subject: str, profile: IssuerProfile, now: datetime, new_id: NewId) -> Iterator[Planned]:
    """That a person has the same `sub` at other issuers; nothing where there are none."""
    others = [Identity(subject, iss) for iss in profile.linked if iss != profile.iss]
    if others:
        told = VisaObject(VisaType.LINKED_IDENTITIES, write_links(others), profile.iss, now, By.SYSTEM)
        yield Planned(Visa(Claims(profile.iss, subject, now, now + profile.lifetime, new_id()), told))
