"""Who may pass which door: every public route of a node and of a hub. A new route is a new line here.

A line: methods, path with its parameters unfilled, who passes, and perhaps a path to ask (else `SAMPLES` fills it).
Who passes, besides the names of roles (`|` between several):

    anybody      everybody, whatever they show
    open         the same, but a credential that does not hold is refused
    known        whoever is known: a person who logged in, or a program with a key
    registered   registered researchers (ResearcherStatus and accepted terms), holders of a visa, programs so keyed
    visa         holders of a visa for the dataset, and nobody else
    s3           providers; S3 says 403 to everybody else
    s3-visa      holders of a visa for the dataset; S3 says 403 to everybody else
    address      nobody by who they are: the address itself is signed (this one is not)
    concerned    people whom the thing concerns, by its own table of who may do what when; strangers never (401)
    nobody       what was sent is not given out again
    peer         nodes or hubs that sign their questions
    own          whoever proves it by other means than at the gate: clients of the broker, sessions of a browser
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

DATASET: Final = "GDI-EE-DOORS-1"
FILE: Final = "{file}"
"""Filled by the test: the id of a file that is ready and lies in the dataset."""

SAMPLES: Final = {
    "{file}": FILE,
    "{id}": "x",
    "{entry}": "individuals",
    "{parent}/{id}/{entry}": f"datasets/{DATASET}/individuals",
    "{access}": "crypt4gh",
    "{grant}": "notagrant",
    "{bucket}": "lab",
    "{key}": "a.bam",
    "{upload}": "0123456789abcdef",
    "{user:path}": "somebody",
    "{name}": "x.js",
    "{body}": "ee-dac",
    "{client}": "gdi-cli",
    "{command}": "comment",
    "{attachment}": "a",
    "{number}": "1",
    "{version}": "1",
    "{form}": "research",
    "{subject}": "somebody",
}

_BEACON: Final = """
GET|POST  {base}                               anybody
GET|POST  {base}/                              anybody
GET|POST  {base}/configuration                 anybody
GET|POST  {base}/entry_types                   anybody
GET|POST  {base}/filtering_terms               anybody
GET|POST  {base}/info                          anybody
GET|POST  {base}/map                           anybody
GET|POST  {base}/openapi.json                  anybody
GET|POST  {base}/service-info                  anybody
GET|POST  {base}/{entry}/filtering_terms       anybody
GET|POST  {base}/{entry}/{id}/filtering_terms  anybody
"""
_OF_FREQUENCIES: Final = """
GET|POST  {base}/{entry}                       anybody     {base}/g_variants
GET|POST  {base}/{entry}/{id}                  anybody     {base}/datasets/x
GET|POST  {base}/{parent}/{id}/{entry}         anybody     {base}/datasets/x/g_variants
"""
_OF_PEOPLE: Final = """
GET|POST  {base}/{entry}                       registered
GET|POST  {base}/{entry}/{id}                  registered
GET|POST  {base}/{parent}/{id}/{entry}         registered
"""
_VISAS: Final = """
GET       /visas/v1/jwks                       anybody
GET       /visas/v1/bodies/{body}/jwks         anybody
GET       /visas/v1/permissions/{user:path}    broker
"""
_LOGIN: Final = """
GET       /login/start                         own
GET       /login/callback                      own
GET       /login/me                            own
GET       /login/jwks                          anybody
POST      /login/end                           own
GET       /dev-idp/.well-known/openid-configuration  own
GET       /dev-idp/auth/authorize              own
GET       /dev-idp/authorize                   own
GET       /dev-idp/end                         own
GET       /dev-idp/ga4gh-broker/1.0/{user:path}  own
GET       /dev-idp/ga4gh-broker/1.2/           own
GET       /dev-idp/jwk                         own
GET       /dev-idp/jwks                        own
GET|POST  /dev-idp/userinfo                    own
POST      /dev-idp/token                       own
"""

_CASES: Final = """
GET       /access/v1/notices                   known
GET       /notices                             anybody
PUT       /access/v1/notices/declined          known
GET       /access/v1/bodies                    anybody
GET       /access/v1/cases                     concerned
GET       /access/v1/cases/{id}                concerned
POST      /access/v1/cases/{id}/commands/{command}  concerned
"""

_NODE: Final = """
GET       /access/v1/cases/{id}/attachments/{attachment}  concerned
GET       /access/v1/entitlements              concerned
GET       /access/v1/permits                   concerned
GET       /access/v1/permits/{id}              concerned
GET       /access/v1/permits/{id}/entitlements concerned
POST      /access/v1/permits/{id}/commands/revoke  concerned
GET       /archive/v1/files                    provider
GET       /archive/v1/files/{id}               provider
GET       /s3                                  s3
GET|HEAD|PUT  /s3/{bucket}                     s3
HEAD|PUT|POST  /s3/{bucket}/{key}              s3
GET       /s3/{bucket}/{key}                   s3-visa     /s3/GDI-EE-DOORS-1/a.bam
DELETE    /s3/{bucket}/{key}                   nobody
OPTIONS   /uploads/v1                          anybody
GET       /uploads/v1/key                      anybody
OPTIONS   /uploads/v1/{upload}                 anybody
POST      /uploads/v1                          provider
HEAD|PATCH|DELETE  /uploads/v1/{upload}        provider
GET       /download/v1/datasets                known
GET       /download/v1/datasets/{id}           visa        /download/v1/datasets/GDI-EE-DOORS-1
GET       /download/v1/datasets/{id}/files     visa        /download/v1/datasets/GDI-EE-DOORS-1/files
GET       /download/v1/files/{id}              visa        /download/v1/files/{file}
GET       /download/v1/files/{id}/content      visa        /download/v1/files/{file}/content
GET       /download/v1/files/{id}/header       visa        /download/v1/files/{file}/header
GET       /download/v1/metadata/datasets       known
GET       /download/v1/metadata/datasets/{id}/files  visa  /download/v1/metadata/datasets/GDI-EE-DOORS-1/files
GET       /download/v1/objects/{dataset}/{path}  visa      /download/v1/objects/GDI-EE-DOORS-1/a.bam
GET       /download/v1/s3/{dataset}/{path}     visa        /download/v1/s3/GDI-EE-DOORS-1/a.bam
GET       /download/v1/s3-encrypted/{dataset}/{path}  visa  /download/v1/s3-encrypted/GDI-EE-DOORS-1/a.bam
GET       /download/v1/service-info            anybody
GET       /download/v1/granted/{grant}         address
GET|PUT|DELETE  /download/v1/keys              known
GET       /datasets                            known
GET       /datasets/{id}                       visa        /datasets/GDI-EE-DOORS-1
GET       /datasets/{id}/files                 visa        /datasets/GDI-EE-DOORS-1/files
GET       /files/{id}                          visa        /files/{file}
GET       /files/{id}/content                  visa        /files/{file}/content
GET       /files/{id}/header                   visa        /files/{file}/header
GET       /metadata/datasets                   known
GET       /metadata/datasets/{id}/files        visa        /metadata/datasets/GDI-EE-DOORS-1/files
GET       /objects/{dataset}/{path}            visa        /objects/GDI-EE-DOORS-1/a.bam
GET       /service-info                        anybody
GET       /s3-encrypted/{dataset}/{path}       visa        /s3-encrypted/GDI-EE-DOORS-1/a.bam
GET       /ga4gh/drs/v1/service-info           anybody
OPTIONS   /ga4gh/drs/v1/objects                anybody
OPTIONS   /ga4gh/drs/v1/objects/{id}           anybody
GET|POST  /ga4gh/drs/v1/objects/{id}           visa        /ga4gh/drs/v1/objects/{file}
GET|POST  /ga4gh/drs/v1/objects/{id}/access/{access}  visa  /ga4gh/drs/v1/objects/{file}/access/crypt4gh
POST      /ga4gh/drs/v1/objects                anybody
POST      /ga4gh/drs/v1/objects/access         anybody
GET       /htsget/reads/service-info           anybody
GET       /htsget/variants/service-info        anybody
GET|POST  /htsget/reads/{id}                   visa        /htsget/reads/{file}
GET|POST  /htsget/variants/{id}                visa        /htsget/variants/{file}
GET       /htsget/data/{grant}                 address
GET       /                                    anybody
GET       /cases                               anybody
GET       /cases/{id}                          anybody
GET       /permits                             anybody
GET       /permits/{id}                        anybody
GET       /portal/facts.json                   anybody
GET       /portal/{name}                       anybody
GET       /refget/sequence/service-info        anybody
GET       /refget/sequence/{id}                anybody
GET       /refget/sequence/{id}/metadata       anybody
"""

_HUB: Final = """
GET       /access/v1/applications              concerned
GET       /access/v1/applications/{id}         concerned
GET       /access/v1/applications/{id}/attachments/{attachment}  concerned
GET       /access/v1/applications/{id}/estimate  concerned
GET       /access/v1/applications/{id}/events  concerned
GET       /access/v1/applications/{id}/hints   concerned
GET       /access/v1/applications/{id}/versions/{number}  concerned
GET       /access/v1/case-attachments/{id}/{attachment}  peer
GET       /access/v1/datasets                  concerned
GET       /access/v1/documents                 anybody
GET       /access/v1/documents/{id}            anybody
GET       /access/v1/documents/{id}/{version}  anybody
GET       /access/v1/documents/{id}/{version}/content  anybody
GET       /access/v1/forms                     concerned
GET       /access/v1/forms/{form}/{version}    concerned
GET       /access/v1/organisations             concerned
GET       /access/v1/organisations/{id}        concerned
GET       /access/v1/people                    concerned
GET       /access/v1/people/me                 concerned
GET       /access/v1/people/{subject}          concerned
GET       /access/v1/offers/{dataset}          anybody
GET       /access/v1/permits                   concerned
GET       /access/v1/permits/{id}              concerned
POST      /access/v1/permits/{id}/commands/{command}  concerned
GET       /access/v1/permits/{id}/jws          concerned
GET       /access/v1/permits/{id}/pdf          concerned
GET       /access/v1/register                  anybody
GET       /access/v1/terms                     concerned
GET       /organisations                       anybody
GET       /organisations/{id}                  anybody
GET       /permits                             anybody
GET       /permits/{id}                        anybody
POST      /access/v1/applications              concerned
POST      /access/v1/applications/{id}/attachments  concerned
PUT       /access/v1/applications/{id}/cohort  concerned
POST      /access/v1/applications/{id}/commands/{command}  concerned
POST      /access/v1/documents                 concerned
POST      /access/v1/documents/{id}/commands/retire  concerned
POST      /access/v1/invitations/commands/accept-office  concerned
POST      /access/v1/invitations/commands/join  concerned
POST      /access/v1/match                     open
POST      /access/v1/organisations             concerned
POST      /access/v1/organisations/{id}/commands/{command}  concerned
POST      /access/v1/people                    concerned
POST      /access/v1/people/{subject}/commands/{command}  concerned
POST      /access/v1/signatures/call           own
GET       /                                    anybody
GET       /cases                               anybody
GET       /cases/{id}                          anybody
GET       /portal/facts.json                   anybody
GET       /portal/{name}                       anybody
GET       /requests                            anybody
GET       /requests/{id}                       anybody
GET       /invitation                          anybody
GET       /registry/service-info               anybody
GET       /registry/services                   anybody
GET       /registry/services/types             anybody
GET       /registry/services/{id}              anybody
GET       /registry/signed                     anybody
GET       /registry/types                      anybody
GET       /feed/v1                             peer
POST      /events/v1                           own
GET       /.well-known/oauth-authorization-server/oidc  own
GET       /oidc/.well-known/openid-configuration  own
GET|POST  /oidc/authorize                      own
POST      /oidc/consent                        own
GET       /oidc/consents                       own
DELETE    /oidc/consents/{client}              own
GET       /oidc/jwks                           own
GET       /oidc/revocations                    own
GET|POST  /oidc/logout                         own
POST      /oidc/revoke                         own
POST      /oidc/token                          own
GET|POST  /oidc/userinfo                       own
"""


@dataclass(frozen=True)
class Door:
    """A line of the table."""

    method: str
    path: str
    passes: str
    asked: str


_ORGANISATIONS: Final = """
GET   /access/v1/organisations                                known
POST  /access/v1/organisations                                known
GET   /access/v1/organisations/{id}                           known
POST  /access/v1/organisations/{id}/commands/{command}        known  /access/v1/organisations/x/commands/vet
GET   /access/v1/people                                       onboarding-operator|auditor
POST  /access/v1/people                                       known
GET   /access/v1/people/me                                    known
GET   /access/v1/people/{subject}                             known  /access/v1/people/x
POST  /access/v1/people/{subject}/commands/{command}          known  /access/v1/people/x/commands/leave
GET   /access/v1/documents                                    anybody
POST  /access/v1/documents                                    onboarding-operator
GET   /access/v1/documents/{id}                               anybody
POST  /access/v1/documents/{id}/commands/retire               onboarding-operator
GET   /access/v1/documents/{id}/{version}                     anybody  /access/v1/documents/x/1
GET   /access/v1/documents/{id}/{version}/content             anybody  /access/v1/documents/x/1/content
POST  /access/v1/invitations/commands/accept-office           known
POST  /access/v1/invitations/commands/join                    known
POST  /access/v1/signatures/call                              own
"""
_PROVIDERS: Final = """
GET   /access/v1/providers                                    known
POST  /access/v1/providers                                    national-coordination-point
GET   /access/v1/providers/{id}                               known
POST  /access/v1/providers/{id}/commands/{command}            known  /access/v1/providers/x/commands/onboard
"""


def _lines(text: str, base: str = "") -> Iterator[Door]:
    for line in filter(None, text.splitlines()):
        methods, path, passes, *sample = line.replace("{base}", base).split()
        for method in methods.split("|"):
            yield Door(method, path, passes, _filled(sample[0] if sample else path))


def _filled(path: str) -> str:
    for name in sorted(SAMPLES, key=len, reverse=True):
        path = path.replace(name, SAMPLES[name])
    return path


AGGREGATED: Final = ("/beacon/aggregated/v2", "/beacon/aggregated/v2.0.0", "/api")
INDIVIDUALS: Final = ("/beacon/individuals/v2", "/beacon/individuals/v2.0.0")
NETWORK: Final = "/beacon-network"


def _node() -> Iterator[Door]:
    yield from _lines(_NODE + _PROVIDERS + _CASES + _VISAS + _LOGIN)
    for base in AGGREGATED:
        yield from _lines(_BEACON + _OF_FREQUENCIES, base)
    for base in INDIVIDUALS:
        yield from _lines(_BEACON + _OF_PEOPLE, base)


def _hub() -> Iterator[Door]:
    yield from _lines(_HUB + _ORGANISATIONS + _CASES + _VISAS + _LOGIN)
    yield from _lines(_BEACON + _OF_PEOPLE, f"{NETWORK}/v2.0.0")
    yield from _lines(_BEACON + _OF_FREQUENCIES, f"{NETWORK}/aggregated/v2.0.0")
    yield from _lines(_BEACON + _OF_PEOPLE, f"{NETWORK}/individuals/v2.0.0")


NODE: Final = tuple(_node())
HUB: Final = tuple(_hub())
