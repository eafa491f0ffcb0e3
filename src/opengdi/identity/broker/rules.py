"""Decisions of the broker about requests. Pure: parameters and facts in, an answer or `Refused` out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import unquote_plus, urlsplit

from opengdi.identity.broker.faults import Refused, UnknownClient
from opengdi.identity.broker.model import (
    EMAIL,
    OFFLINE,
    OPENID,
    PASSPORT,
    PROFILE,
    Asked,
    Client,
    CodeFacts,
    GrantType,
    Shown,
)
from opengdi.standards.client_assertion import ASSERTION_TYPE, METHOD
from opengdi.standards.passport.terms import ACCESS_TOKEN_TYPE, PASSPORT_TYPE

PERSONAL: Final = frozenset({OPENID, PROFILE, EMAIL, PASSPORT, OFFLINE})
"""Scopes about a person: a program that asks for itself gets none of them."""

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")  # base64url of a SHA-256
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636 section 4.1
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}\Z")  # RFC 6749 section 3.3
_TEXT: Final = re.compile(r"[\x20-\x7e]{0,1000}\Z")
_SECONDS: Final = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
ANEW: Final = frozenset({"login", "select_account"})
"""Prompts after which whoever is logged in logs in anew."""

_PROMPTS: Final = frozenset({"none", "login", "consent", "select_account"})
_REPEATED: Final = frozenset({"resource", "audience"})  # RFC 8707 section 2, RFC 8693 section 2.1
_MOST_RESOURCES: Final = 50

Parameters = Mapping[str, Sequence[str]]


def gathered(pairs: Iterable[tuple[str, str]]) -> Parameters:
    """Parameters by name. Raises Refused if one that may come once comes twice. Spec: RFC 6749 section 3.1."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    for name, values in found.items():
        if len(values) > 1 and name not in _REPEATED:
            raise Refused("invalid_request", f"parameter {name[:40]} comes more than once")
    return found


def one(parameters: Parameters, name: str) -> str:
    """The value of a parameter; empty if there is none, which is the same (RFC 6749 section 3.1)."""
    values = parameters.get(name, ())
    return values[0] if values else ""


def needed(parameters: Parameters, name: str) -> str:
    """The value of a parameter that must be there. Raises Refused."""
    value = one(parameters, name)
    if not value:
        raise Refused("invalid_request", f"parameter {name} is missing")
    return value


def addressed_client(parameters: Parameters, clients: Mapping[str, Client]) -> tuple[Client, str]:
    """The client of an authorization request and where it wants the answer: checked before anything is sent there.

    Raises Refused: to be told to the person, not to the address.
    """
    client = clients.get(needed(parameters, "client_id"))
    if client is None or GrantType.CODE not in client.grant_types:
        raise Refused("unauthorized_client", "client_id names no client that people log in to")
    uri = needed(parameters, "redirect_uri")
    if not any(is_same_redirect(registered, uri) for registered in client.redirect_uris):
        raise Refused("invalid_request", "redirect_uri is not one that the client registered")
    return client, uri


def is_same_redirect(registered: str, asked: str) -> bool:
    """True for the very same text; of a loopback address the port may differ. Spec: RFC 8252 section 7.3."""
    if registered == asked:
        return True
    try:
        ours, theirs = urlsplit(registered), urlsplit(asked)
        port = theirs.port
    except ValueError:
        return False
    if ours.scheme != "http" or ours.hostname not in {"127.0.0.1", "::1"} or ours.port is not None:
        return False
    # Composed again from its parts, so that nothing (user, fragment, another spelling) hides in what was asked.
    return port is not None and asked == f"http://{ours.netloc}:{port}{ours.path}" + (
        f"?{ours.query}" if ours.query else ""
    )


def asked(parameters: Parameters, client: Client, redirect_uri: str) -> Asked:
    """An authorization request. Raises Refused: to be told to the address, which is the client's."""
    for name, code in (("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")):
        if one(parameters, name):
            raise Refused(code, f"parameter {name} is not taken; send the parameters themselves")
    if needed(parameters, "response_type") != "code":
        raise Refused("unsupported_response_type", "response_type must be code")
    if one(parameters, "response_mode") not in {"", "query"}:
        raise Refused("invalid_request", "response_mode must be query")
    if one(parameters, "code_challenge_method") != "S256":  # absent would mean `plain`: RFC 7636 section 4.3
        raise Refused("invalid_request", "code_challenge_method must be S256: PKCE is required")
    challenge = one(parameters, "code_challenge")
    if not _CHALLENGE.match(challenge):
        raise Refused(
            "invalid_request", "code_challenge must be the base64url of a SHA-256: PKCE is required"
        )
    return Asked(
        client,
        redirect_uri,
        scopes_of(one(parameters, "scope"), client.scopes),
        resources_of(parameters.get("resource", ()), client.resources),
        challenge,
        _printable(parameters, "state"),
        _printable(parameters, "nonce"),
        _prompts(one(parameters, "prompt")),
        _max_age(one(parameters, "max_age")),
    )


def _printable(parameters: Parameters, name: str) -> str:
    value = one(parameters, name)
    if not _TEXT.match(value):
        raise Refused("invalid_request", f"{name} must be at most 1000 printable ASCII characters")
    return value


def _prompts(text: str) -> frozenset[str]:
    prompts = frozenset(text.split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise Refused("invalid_request", f"prompt must be none alone, or of {', '.join(sorted(_PROMPTS))}")
    return prompts


def _max_age(text: str) -> int | None:
    if not text:
        return None
    if not _SECONDS.match(text):
        raise Refused("invalid_request", "max_age must be a number of seconds")
    return int(text)


def needs_login(request: Asked, authenticated: datetime | None, now: datetime) -> bool:
    """True if whoever has a session must log in anew. Spec: OpenID Connect Core 1.0 section 3.1.2.1."""
    if request.prompts & ANEW:
        return True
    if request.max_age is None:
        return False
    return authenticated is None or now - authenticated > timedelta(seconds=request.max_age)


def oldest_login(request: Asked) -> int | None:
    """How old, in seconds, the login that follows may be; None: as the provider likes."""
    return 0 if request.prompts & ANEW else request.max_age


def scopes_of(text: str, allowed: Collection[str]) -> tuple[str, ...]:
    """The scopes that a request names, each once. Raises Refused for none, or for one that is not allowed."""
    named = tuple(dict.fromkeys(text.split(" "))) if text else ()
    if not named or not all(_SCOPE.match(each) for each in named):
        raise Refused("invalid_scope", "scope must be names with one space between them, such as 'openid'")
    if strange := [each for each in named if each not in allowed]:
        raise Refused("invalid_scope", f"scope {strange[0]} is not open to this client")
    if PASSPORT in named and OPENID not in named:  # GA4GH AAI 1.2.1: both scopes
        raise Refused("invalid_scope", f"scope {PASSPORT} goes with {OPENID} only")
    return named


def narrowed_scopes(text: str, granted: tuple[str, ...]) -> tuple[str, ...]:
    """The scopes of a refresh: those granted, or fewer. Raises Refused for more. Spec: RFC 6749 section 6."""
    return scopes_of(text, granted) if text else granted


def resources_of(named: Sequence[str], allowed: Collection[str]) -> tuple[str, ...]:
    """The resources that a request names, each once. Raises Refused for one that is not allowed. Spec: RFC 8707."""
    resources = tuple(dict.fromkeys(named))
    if len(resources) > _MOST_RESOURCES or any(each not in allowed for each in resources):
        raise Refused("invalid_target", "resource is not one that may be asked for here")
    return resources


def narrowed_resources(named: Sequence[str], granted: tuple[str, ...], client: Client) -> tuple[str, ...]:
    """The resources of one token: of those granted; if none were named then, of those open to the client.

    Spec: RFC 8707 section 2.2.
    """
    if not named:
        return granted
    return resources_of(named, granted or client.resources)


def check_code(parameters: Parameters, code: CodeFacts) -> None:
    """Nothing, if whoever brings a code is who asked for it. Raises Refused. Spec: RFC 6749 4.1.3, RFC 7636 4.6."""
    if one(parameters, "redirect_uri") != code.redirect_uri:
        raise Refused("invalid_grant", "redirect_uri is not that of the authorization request")
    verifier = one(parameters, "code_verifier")
    if not _VERIFIER.match(verifier) or not hmac.compare_digest(challenge_of(verifier), code.challenge):
        raise Refused("invalid_grant", "code_verifier does not fit the code_challenge")


def challenge_of(verifier: str) -> str:
    """S256. Spec: RFC 7636 section 4.2."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def authenticated_client(authorization: str, parameters: Parameters, clients: Mapping[str, Client]) -> Client:
    """The client that asks, by Basic, by the body, or as a public one by its id. Raises UnknownClient, Refused.

    Spec: RFC 6749 section 2.3: one method for a request. A client that signs is told by `ClientProofs`.
    """
    name, secret = one(parameters, "client_id"), one(parameters, "client_secret")
    if authorization:
        if secret:
            raise Refused("invalid_request", "client_secret comes twice: use the header or the body")
        basic_name, secret = _basic(authorization)
        if name not in {"", basic_name}:
            raise Refused("invalid_request", "client_id is not that of the Authorization header")
        name = basic_name
    client = clients.get(name)
    if client is None:
        raise UnknownClient("no such client")
    if client.by_key:
        raise UnknownClient(f"client {client.id} must sign its proof ({METHOD})")
    if client.secret is None:
        if secret or authorization:
            raise UnknownClient(f"client {client.id} has no secret, but one was sent")
        return client
    if not hmac.compare_digest(client.secret.reveal(), secret.encode()):
        raise UnknownClient(f"client {client.id} did not prove itself")
    return client


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise UnknownClient("clients prove themselves by Basic or in the body")
        name, colon, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError) as error:
        raise UnknownClient("the Basic credentials cannot be read") from error
    if not colon:
        raise UnknownClient("the Basic credentials hold no secret")
    return unquote_plus(name), unquote_plus(secret)  # RFC 6749 section 2.3.1


def asserted_client(authorization: str, parameters: Parameters) -> str:
    """The assertion by which a client proves itself; empty: it does otherwise. Raises Refused. Spec: RFC 7521 4.2."""
    assertion = one(parameters, "client_assertion")
    if not assertion:
        if one(parameters, "client_assertion_type"):
            raise Refused("invalid_request", "client_assertion is missing")
        return ""
    if authorization or one(parameters, "client_secret"):
        raise Refused("invalid_request", "the client proves itself twice: use one method")
    if one(parameters, "client_assertion_type") != ASSERTION_TYPE:
        raise Refused("invalid_request", f"client_assertion_type must be {ASSERTION_TYPE}")
    return assertion


def check_may(client: Client, grant_type: GrantType) -> None:
    """Nothing, if the client may use that grant type. Raises Refused."""
    if grant_type not in client.grant_types:
        raise Refused("unauthorized_client", f"client {client.id} may not use {grant_type.value}")


def check_exchange(parameters: Parameters, client: Client) -> None:
    """Nothing, if a request for an exchange says what it must. Raises UnknownClient, Refused.

    Spec: GA4GH AAI 1.2.1, "Token Exchange": both types must be these, the client must prove itself; RFC 8693 2.1.
    """
    if client.is_public:
        raise UnknownClient("a passport is given only to a client that proves itself")
    check_may(client, GrantType.EXCHANGE)
    for name, right in (("requested_token_type", PASSPORT_TYPE), ("subject_token_type", ACCESS_TOKEN_TYPE)):
        if needed(parameters, name) != right:
            raise Refused("invalid_request", f"{name} must be {right}")
    for name in ("actor_token", "actor_token_type"):
        if one(parameters, name):
            raise Refused("invalid_request", f"{name} is not taken: nobody acts for somebody here")


def exchange_targets(
    parameters: Parameters, client: Client, shown: Shown, *, hub: Collection[str], names: Mapping[str, str]
) -> tuple[str, ...]:
    """For whom the passport is. names: resources by the logical name that `audience` may use. hub: our own audiences.

    Raises Refused if the token is not scoped for passports, was not given to or for this client, or if another
    audience is asked for than the token has.
    """
    if not {OPENID, PASSPORT} <= set(shown.scopes):
        raise Refused("invalid_request", f"subject_token has not the scopes {OPENID} and {PASSPORT}")
    bound = tuple(each for each in shown.audiences if each not in hub)
    if shown.client != client.id and not (bound and set(bound) <= client.resources):
        raise Refused("invalid_request", "subject_token was given neither to this client nor for it")
    wanted = [*parameters.get("resource", ()), *(names.get(a, a) for a in parameters.get("audience", ()))]
    if not wanted:
        return bound
    return resources_of(wanted, set(bound) or client.resources)


def needs_consent(request: Asked, remembered: tuple[Collection[str], Collection[str]] | None) -> bool:
    """True if the person must be asked. remembered: scopes and resources of the choice they let us keep."""
    # Whoever listens on a loopback port can say that they are a public client: RFC 8252 section 8.6.
    if "consent" in request.prompts or request.client.is_public or remembered is None:
        return True
    scopes, resources = remembered
    if set(request.scopes) - set(scopes):
        return True
    # A choice for no resource was for all of the client's.
    return bool(resources) and not (request.resources and set(request.resources) <= set(resources))


def outlives_session(scopes: Collection[str]) -> bool:
    """True if what is granted goes on after the person has logged out. Spec: OpenID Connect Core 1.0 section 11."""
    return OFFLINE in scopes
