"""Facts that the parts of identity share: what was proved of somebody, what may be said of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from opengdi.standards.coordinates import Interval


@dataclass(frozen=True, slots=True)
class CheckedVisa:
    """A visa whose signature, issuer, times, subject and conditions were checked. All times are aware.

    type, value, source, by, asserted: as in the visa object; `by` is empty where the visa names nobody.
    issuer, jti: claims of the visa token; `jti` is empty where the issuer gave none.
    subject: the person at the broker, whom the visa names directly or by LinkedIdentities.
    until: the visa's `exp`, or that of a visa on which it depends, if that is earlier.
    dataset: the dataset that it opens, if it is a ControlledAccessGrants visa of an issuer that is the authority for
    that dataset; empty for every other visa. regions: what of the dataset; empty: all of it. version: of the dataset;
    empty: each, which is believed only where settings say so of the issuer.
    issued: the visa's `iat`; None: not known, which counts as long ago.
    """

    type: str
    value: str
    source: str
    by: str
    asserted: datetime
    issuer: str
    jti: str
    subject: str
    until: datetime
    dataset: str = ""
    regions: tuple[Interval, ...] = ()
    issued: datetime | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """What somebody proved by a token, a passport or a session.

    subject: their id at `issuer`, the broker. until: when it stops holding, with what `bona_fide` rests on; each visa
    has an end of its own.
    bona_fide: registered access holds (AcceptedTermsAndPolicies and ResearcherStatus, both with the bona fide DOI).
    name: what to call them on a page; never kept in audit lines. session: mark of the browser session, if it is one:
    what is granted in it ends when they log out.
    authenticated: when they last proved who they are at the provider (`auth_time`); None: nobody told.
    """

    subject: str
    issuer: str
    until: datetime
    bona_fide: bool
    visas: tuple[CheckedVisa, ...]
    name: str = ""
    session: str = ""
    authenticated: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """That somebody may use one version of a dataset: what the visa issuer may sign.

    source: URL of the deciding body, without query and fragment; asserted: when it decided; until: when the grant ends.
    permit: id of the permit that it comes from; regions: empty for the whole dataset.
    """

    subject: str
    dataset: str
    version: str
    permit: str
    source: str
    asserted: datetime
    until: datetime
    regions: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the hub may assert of a person.

    affiliation: such as `member@example.org`, empty if none is known; terms: URL of what was accepted, and when.
    until: when training or vetting run out; None: no end is set. in_good_standing: the organisation may send people.
    """

    subject: str
    organisation: str
    affiliation: str
    bona_fide_since: datetime | None
    terms: tuple[tuple[str, datetime], ...]
    until: datetime | None
    in_good_standing: bool
