"""GA4GH AAI and Passport 1.2.1: access tokens, passports, visas, conditions, linked identities. Read and written.

Whatever is read here is only what a token says. Believing it is the work of `opengdi.identity.clearinghouse`.
Spec: https://ga4gh.github.io/data-security/aai-openid-connect-profile and …/ga4gh-passport.
"""

from opengdi.standards.passport.links import Identity, linked, read_links, write_links
from opengdi.standards.passport.passports import Passport, read_passport, read_visa_list, write_passport
from opengdi.standards.passport.terms import (
    BONA_FIDE,
    NO_ORGANISATION,
    PASSPORT_CLAIM,
    PASSPORT_SCOPE,
    SPEC_VERSION,
    VISA_CLAIM,
    By,
    TokenKind,
    VisaType,
)
from opengdi.standards.passport.tokens import (
    Claims,
    check_header,
    read_access_token,
    read_claims,
    write_claims,
)
from opengdi.standards.passport.visas import Clause, Visa, VisaObject, conditions_met, read_visa, write_visa

__all__ = [
    "BONA_FIDE",
    "NO_ORGANISATION",
    "PASSPORT_CLAIM",
    "PASSPORT_SCOPE",
    "SPEC_VERSION",
    "VISA_CLAIM",
    "By",
    "Claims",
    "Clause",
    "Identity",
    "Passport",
    "TokenKind",
    "Visa",
    "VisaObject",
    "VisaType",
    "check_header",
    "conditions_met",
    "linked",
    "read_access_token",
    "read_claims",
    "read_links",
    "read_passport",
    "read_visa",
    "read_visa_list",
    "write_claims",
    "write_links",
    "write_passport",
    "write_visa",
]
