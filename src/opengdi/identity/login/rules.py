"""Decides whether a login holds. Pure: time comes in, nothing is fetched.

Spec: OpenID Connect Core 1.0, "ID Token Validation" (3.1.3.7); Discovery 1.0, section 4.3; RFC 9207, section 2.4.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from opengdi.identity.login.model import (
    Attempt,
    Identity,
    Lifetimes,
    LoginRefused,
    Metadata,
    Session,
    Upstream,
)
from opengdi.kernel.errors import Invalid
from opengdi.standards.faults import Malformed

LONGEST_NEXT: Final = 2048
LONGEST_NAME: Final = 200
LONGEST_SUBJECT: Final = 255
"""OpenID Connect Core 1.0, section 2: `sub` "MUST NOT exceed 255 ASCII characters in length"."""

LONGEST_AGE: Final = 9
"""Digits of `max_age`."""

_LAST: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, in seconds since 1970."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def local_path(text: str) -> str:
    """`text` if it is a path of this service, `/` for none; raises Invalid for an address elsewhere.

    Browsers read two slashes, a slash and a backslash, and a tab between slashes as the beginning of another host.
    """
    if not text:
        return "/"
    printable = text.isascii() and all(" " < character != "\x7f" for character in text)
    if not text.startswith("/") or text.startswith("//") or "\\" in text or not printable:
        raise Invalid("next must be a path of this service, such as '/applications'")
    if len(text) > LONGEST_NEXT:
        raise Invalid(f"next is longer than {LONGEST_NEXT} characters")
    return text


def hint_within(path: str) -> str:
    """The `login_hint` of an authorization request of our own broker that a login is to lead to; empty: none."""
    return next((value for name, value in parse_qsl(urlsplit(path).query) if name == "login_hint"), "")


def is_reachable_safely(address: str) -> bool:
    """True for https, and for http on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and is_this_machine(parts.hostname or "")


def is_this_machine(host: str) -> bool:
    """True for `localhost` and the loopback networks."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def read_metadata(document: Mapping[str, object], issuer: str) -> Metadata:
    """What the provider says of itself. Raises Malformed if it is another one or sends us where we do not go."""
    if document.get("issuer") != issuer:
        raise Malformed(f"the provider calls itself {document.get('issuer')!r}; the settings say {issuer!r}")
    found = Metadata(
        issuer,
        _address(document, "authorization_endpoint"),
        _address(document, "token_endpoint"),
        _address(document, "jwks_uri"),
        _address(document, "userinfo_endpoint", needed=False),
        _address(document, "end_session_endpoint", needed=False),
        _address(document, "revocation_endpoint", needed=False),
        _names(document.get("scopes_supported")),
        document.get("authorization_response_iss_parameter_supported") is True,
        _token_auth(document.get("token_endpoint_auth_methods_supported")),
    )
    methods = document.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        raise Malformed("the provider does not support PKCE with S256")
    return found


def _address(document: Mapping[str, object], name: str, *, needed: bool = True) -> str:
    value = document.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not is_reachable_safely(value):
        raise Malformed(f"{name} of the provider must be an https address, not {value!r}")
    return value


def _names(value: object) -> frozenset[str]:
    return (
        frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
    )


def _token_auth(methods: object) -> str:
    """How to show the client secret: HTTP Basic, which every provider must know, unless it names the other only."""
    if not isinstance(methods, list) or "client_secret_basic" in methods:
        return "client_secret_basic"
    return "client_secret_post" if "client_secret_post" in methods else "client_secret_basic"


def read_max_age(text: str) -> int | None:
    """How old, in seconds, a login of before may be; None: as old as the provider likes. Raises Invalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_AGE):
        raise Invalid("max_age must be a number of seconds")
    return int(text)


def authenticated_at(
    claims: Mapping[str, object], attempt: Attempt, upstream: Upstream, now: datetime
) -> datetime | None:
    """When the person proved who they are, by the id token; None: it does not say, and it was not asked.

    Raises LoginRefused. Spec: OpenID Connect Core 1.0 section 3.1.3.7, step 13, and section 2, `auth_time`.
    """
    told = claims.get("auth_time")
    if isinstance(told, bool) or not isinstance(told, int | float) or not 0 <= told < _LAST:
        if attempt.max_age is None and told is None:
            return None
        raise LoginRefused("auth_time", "the id token does not say when the person proved who they are")
    at = min(datetime.fromtimestamp(told, UTC), now)
    if attempt.max_age is not None and now - at > timedelta(seconds=attempt.max_age) + upstream.leeway:
        raise LoginRefused("auth_time", "the provider let somebody in who had logged in too long ago")
    return at


def check_answer(
    attempt: Attempt, metadata: Metadata, answer: Mapping[str, str], now: datetime, lifetimes: Lifetimes
) -> str:
    """The authorization code of an answer to `attempt`. Raises LoginRefused."""
    if not hmac.compare_digest(attempt.state.encode(), answer.get("state", "").encode()):
        raise LoginRefused("state", "the answer belongs to another login than the one begun in this browser")
    if now.timestamp() - attempt.started > lifetimes.attempt.total_seconds():
        raise LoginRefused("late", "the login took longer than it may")
    if attempt.issuer != metadata.issuer:
        raise LoginRefused("issuer", "the login was begun at another provider")
    issuer = answer.get("iss")
    # RFC 9207 section 2.4: clients "MUST reject authorization responses without the iss parameter" of such servers
    if (issuer is None and metadata.names_itself) or issuer not in {None, metadata.issuer}:
        raise LoginRefused("issuer", f"the answer comes from {issuer!r}, not from {metadata.issuer!r}")
    if "error" in answer:
        raise LoginRefused("provider", f"the provider answered {answer['error'][:80]!r}")
    code = answer.get("code")
    if not code:
        raise LoginRefused("code", "the answer has no authorization code")
    return code


def check_id_token(
    claims: Mapping[str, object], upstream: Upstream, attempt: Attempt, access_token: str, now: datetime
) -> str:
    """The `sub` of an id token whose signature holds already. Raises LoginRefused."""
    if claims.get("iss") != upstream.issuer:
        raise LoginRefused("iss", f"the id token is of {claims.get('iss')!r}, not of {upstream.issuer!r}")
    _check_audience(claims, upstream.client_id)
    _check_times(claims, upstream, now)
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), attempt.nonce.encode()):
        raise LoginRefused("nonce", "the id token was made for another login")
    _check_hash(claims.get("at_hash"), access_token)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > LONGEST_SUBJECT:
        raise LoginRefused("sub", f"the id token has no usable sub ({LONGEST_SUBJECT} characters at most)")
    return subject


def _check_audience(claims: Mapping[str, object], client_id: str) -> None:
    audience, party = claims.get("aud"), claims.get("azp")
    named = audience if isinstance(audience, list) else [audience]
    if client_id not in named:
        raise LoginRefused("aud", f"the id token is for {audience!r}, not for this client")
    if party is not None and party != client_id:
        raise LoginRefused("azp", f"the id token was given to {party!r}, not to this client")
    if len(named) > 1 and party is None:
        raise LoginRefused("azp", "the id token is for several clients and does not say whom it was given to")


def _check_times(claims: Mapping[str, object], upstream: Upstream, now: datetime) -> None:
    leeway, at = upstream.leeway.total_seconds(), now.timestamp()
    times = {name: claims.get(name) for name in ("exp", "iat", "nbf")}
    for name, value in times.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            if name == "nbf" and value is None:
                continue
            raise LoginRefused("times", f"{name} of the id token is {value!r}; a number is needed")
    expires, issued, begins = times["exp"], times["iat"], times["nbf"] or 0
    if at >= expires + leeway:  # type: ignore[operator]  # numbers, checked above
        raise LoginRefused("exp", "the id token has expired")
    if issued > at + leeway or begins > at + leeway:  # type: ignore[operator]  # as above
        raise LoginRefused("times", "the id token is from the future")


def _check_hash(at_hash: object, access_token: str) -> None:
    """Core 3.1.3.6: the left half of the SHA-256 of the access token, where the id token has it."""
    if at_hash is None:
        return
    digest = hashlib.sha256(access_token.encode()).digest()[:16]
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=")
    if not isinstance(at_hash, str) or not hmac.compare_digest(at_hash.encode(), expected):
        raise LoginRefused("at_hash", "the id token belongs to another access token")


def identity_of(
    subject: str, claims: Mapping[str, object], userinfo: Mapping[str, object], upstream: Upstream
) -> Identity:
    """Who came. Raises LoginRefused if userinfo is about somebody else (Core 5.3.2).

    The id token is signed, userinfo is not: what names somebody may come from either, what is decided by (when and how
    they logged in, what they belong to) is read of the id token alone.
    """
    if userinfo and userinfo.get("sub") != subject:
        raise LoginRefused("userinfo", "userinfo is about somebody else than the id token")
    email = next((found for told in (claims, userinfo) if (found := _text(told.get("email")))), "")
    verified = upstream.trusts_email or _verified(claims, userinfo)
    name = _name(userinfo) or _name(claims)
    return Identity(upstream.issuer, subject, name, email.lower() if verified and "@" in email else "")


def _verified(claims: Mapping[str, object], userinfo: Mapping[str, object]) -> bool:
    """Whether the address was verified: by the document that tells it, as the other may speak of another address."""
    told = claims if _text(claims.get("email")) else userinfo
    return told.get("email_verified") is True


def _name(known: Mapping[str, object]) -> str:
    parts = f"{_text(known.get('given_name'))} {_text(known.get('family_name'))}".strip()
    return _text(known.get("name")) or parts or _text(known.get("preferred_username"))


def _text(value: object) -> str:
    """A printable text of bounded length, or nothing."""
    if not isinstance(value, str):
        return ""
    return "".join(letter for letter in value if letter.isprintable()).strip()[:LONGEST_NAME]


def ends(session: Session, lifetimes: Lifetimes) -> datetime:
    """When the session ends if nothing more is asked in it."""
    return min(session.began + lifetimes.session, session.seen + lifetimes.idle)
