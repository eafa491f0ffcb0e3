"""Words of GA4GH AAI and Passport: types of tokens and visas, claims, limits.

Spec: GA4GH AAI OIDC Profile 1.2.1; GA4GH Passport 1.2.1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SPEC_VERSION: Final = "1.2.1"

PASSPORT_CLAIM: Final = "ga4gh_passport_v1"
VISA_CLAIM: Final = "ga4gh_visa_v1"
PASSPORT_SCOPE: Final = "ga4gh_passport_v1"

ALGORITHMS: Final = frozenset({"RS256", "ES256"})
"""AAI, "Signing Algorithms": these two and no other."""

BONA_FIDE: Final = "https://doi.org/10.1038/s41431-018-0219-y"
"""Value of AcceptedTermsAndPolicies and of ResearcherStatus that together are registered access."""

NO_ORGANISATION: Final = "https://no.organization"
"""`source` of what no organisation stands behind."""

LONGEST_URL: Final = 255
"""Characters of a URL claim."""

MOST_VISAS: Final = 1000
"""Visas in one passport."""

LONGEST_VISA: Final = 16 * 1024
"""Characters of one visa; an RS256 visa for one dataset has about 900."""

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  a name of a type
PASSPORT_TYPE: Final = "urn:ga4gh:params:oauth:token-type:passport"
"""Token exchange (RFC 8693): what is asked for, and by what."""


class VisaType(StrEnum):
    """The types that the standard defines; any other is a custom type and is a URL."""

    AFFILIATION_AND_ROLE = "AffiliationAndRole"
    ACCEPTED_TERMS = "AcceptedTermsAndPolicies"
    RESEARCHER_STATUS = "ResearcherStatus"
    CONTROLLED_ACCESS = "ControlledAccessGrants"
    LINKED_IDENTITIES = "LinkedIdentities"


class By(StrEnum):
    """Who asserted what a visa says."""

    SELF = "self"
    PEER = "peer"
    SYSTEM = "system"
    SIGNING_OFFICIAL = "so"
    DATA_ACCESS_COMMITTEE = "dac"


NEEDS_BY: Final = frozenset({VisaType.ACCEPTED_TERMS, VisaType.CONTROLLED_ACCESS})
"""Types whose visas must say `by`."""


class TokenKind(StrEnum):
    """The three tokens; the value is the `typ` that we write."""

    ACCESS_TOKEN = "at+jwt"  # noqa: S105  a name of a type
    PASSPORT = "vnd.ga4gh.passport+jwt"
    VISA = "vnd.ga4gh.visa+jwt"


ACCEPTED_TYPES: Final = {
    TokenKind.ACCESS_TOKEN: frozenset({"at+jwt", "jwt"}),
    TokenKind.PASSPORT: frozenset({"vnd.ga4gh.passport+jwt"}),
    TokenKind.VISA: frozenset({"vnd.ga4gh.visa+jwt", "jwt"}),
}
"""`typ` of each token, in lower case and without `application/`, as RFC 7515 §4.1.9 lets it be left out."""
