"""The dialogue with the OpenID provider: discovery, the way there, code for tokens, userinfo.

Authlib writes and reads the OAuth messages; httpx carries them, with answers bounded and no redirect followed.
"""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from opengdi.identity.login import id_tokens
from opengdi.identity.login.id_tokens import ProviderKey
from opengdi.identity.login.model import (
    Arrival,
    Attempt,
    ClientKeys,
    Lifetimes,
    LoginRefused,
    Metadata,
    Refreshed,
    Upstream,
)
from opengdi.identity.login.rules import (
    authenticated_at,
    check_answer,
    check_id_token,
    identity_of,
    is_reachable_safely,
    read_metadata,
)
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.keys import Secret
from opengdi.standards.client_assertion import ASSERTION_TYPE, write_assertion
from opengdi.standards.faults import Malformed

_LONGEST_ANSWER: Final = 2_097_152
_TIMEOUT_S: Final = 10.0
_FRESH_S: Final = 3600.0
_KEYS_AGAIN_S: Final = 30.0
"""A key that is not known is asked for again, but not more often than this."""

_WELL_KNOWN: Final = "/.well-known/openid-configuration"


class RelyingParty:
    """A client of one provider.

    upstream: told anew each time, as an address may become known late. secret: None for a public client, by PKCE alone.
    keys: sign who we are, in the place of a secret. transport: what carries the requests, where it is not the network.
    """

    def __init__(
        self,
        upstream: Callable[[], Upstream],
        secret: Secret | None,
        clock: Clock,
        lifetimes: Lifetimes,
        *,
        keys: ClientKeys | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._upstream = upstream
        self._secret = secret
        self._client_keys = keys
        self._transport = transport
        self._clock = clock
        self._lifetimes = lifetimes
        self._tls = ssl.create_default_context()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, str, tuple[ProviderKey, ...]] | None = None

    async def begin(
        self,
        redirect_uri: str,
        next_: str,
        hint: str = "",
        resources: Sequence[str] = (),
        *,
        max_age: int | None = None,
    ) -> tuple[str, Attempt]:
        """Where to send the browser, and the attempt to keep. Raises Unavailable.

        resources: services that tokens will be asked for (RFC 8707). max_age: seconds for which a login of before is
        good enough; None: any is.
        """
        upstream, metadata = self._upstream(), await self.metadata()
        attempt = Attempt(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            issuer=metadata.issuer,
            redirect_uri=redirect_uri,
            next=next_,
            started=self._clock.now().timestamp(),
            max_age=max_age,
        )
        address = prepare_grant_uri(
            metadata.authorization_endpoint,
            upstream.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=_known(upstream.scopes, metadata),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
            resource=list(resources),
            login_hint=hint or None,
            max_age=None if max_age is None else str(max_age),
            prompt="login"
            if max_age == 0
            else None,  # the same by section 3.1.2.1, where a provider knows one only
        )
        return str(address), attempt

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Arrival:
        """Who came back from the provider. Raises LoginRefused, or Unavailable if the provider does not answer."""
        upstream, metadata = self._upstream(), await self.metadata()
        code = check_answer(attempt, metadata, answer, self._clock.now(), self._lifetimes)
        async with self._http() as http:
            tokens = await self._tokens(http, upstream, metadata, attempt, code)
            id_token, access_token = (_token(tokens, name) for name in ("id_token", "access_token"))
            claims = await self._claims(http, metadata, upstream, id_token)
            now = self._clock.now()
            subject = check_id_token(claims, upstream, attempt, access_token, now)
            authenticated = authenticated_at(claims, attempt, upstream, now)
            userinfo = await self._userinfo(http, metadata, access_token)
        identity = identity_of(subject, claims, userinfo, upstream)
        return Arrival(identity, id_token, str(tokens.get("refresh_token") or ""), authenticated)

    async def refresh(self, refresh_token: str, resource: str = "") -> Refreshed:
        """A new access token, for one service only if `resource` names it (RFC 8707). Raises as `finish`."""
        upstream, metadata = self._upstream(), await self.metadata()
        given = {"refresh_token": refresh_token, "resource": resource}
        async with self._http() as http:
            tokens = await self._ask_tokens(http, upstream, metadata, "refresh_token", given)
        lasts = tokens.get("expires_in")
        return Refreshed(
            _token(tokens, "access_token"),
            str(tokens.get("refresh_token") or refresh_token),
            timedelta(seconds=lasts if isinstance(lasts, int | float) else 0),
            str(tokens.get("scope") or ""),
        )

    async def revoke(self, refresh_token: str) -> bool:
        """Take a refresh token back, with all that came of it (RFC 7009); False: the provider has no place for it."""
        upstream, metadata = self._upstream(), await self.metadata()
        if not metadata.revocation_endpoint:
            return False
        body = urlencode({"token": refresh_token, "token_type_hint": "refresh_token"})
        async with self._http() as http:
            await _send(
                http, self._authenticated(http, upstream, metadata, metadata.revocation_endpoint, body)
            )
        return True

    async def metadata(self) -> Metadata:
        """What the provider says of itself, an hour old at most. Raises Unavailable."""
        issuer, now = self._upstream().issuer, self._clock.monotonic()
        if self._metadata and now - self._metadata[0] < _FRESH_S and self._metadata[1].issuer == issuer:
            return self._metadata[1]
        if not is_reachable_safely(issuer):
            raise Unavailable(f"the provider {issuer!r} must be reached by https (or be on this machine)")
        async with self._http() as http:
            document = await _json(http, http.build_request("GET", issuer.rstrip("/") + _WELL_KNOWN))
        try:
            found = read_metadata(document, issuer)
        except Malformed as error:
            raise Unavailable(f"discovery of {issuer}: {error}") from error
        self._metadata = now, found
        return found

    def logout_address(self, metadata: Metadata, id_token: str, back_to: str) -> str:
        """Where to end the session at the provider too; empty: it has no such place (RP-Initiated Logout 1.0)."""
        if not metadata.end_session_endpoint:
            return ""
        given = {"client_id": self._upstream().client_id, "post_logout_redirect_uri": back_to}
        if id_token:
            given["id_token_hint"] = id_token
        return str(httpx.URL(metadata.end_session_endpoint).copy_merge_params(given))

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport,
            verify=self._tls,
            timeout=_TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
        )

    async def _tokens(
        self, http: httpx.AsyncClient, upstream: Upstream, metadata: Metadata, attempt: Attempt, code: str
    ) -> dict[str, Any]:
        given = {"code": code, "redirect_uri": attempt.redirect_uri, "code_verifier": attempt.verifier}
        return await self._ask_tokens(http, upstream, metadata, "authorization_code", given)

    async def _ask_tokens(
        self,
        http: httpx.AsyncClient,
        upstream: Upstream,
        metadata: Metadata,
        grant_type: str,
        given: Mapping[str, str],
    ) -> dict[str, Any]:
        body = str(prepare_token_request(grant_type, **given))
        return _object(
            await _send(http, self._authenticated(http, upstream, metadata, metadata.token_endpoint, body))
        )

    def _authenticated(
        self, http: httpx.AsyncClient, upstream: Upstream, metadata: Metadata, place: str, body: str
    ) -> httpx.Request:
        """A form for the provider, with what proves that it is us who send it."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
            "Accept": "application/json",
        }
        if self._client_keys is not None:
            body = f"{body}&{urlencode(self._signed_proof(self._client_keys, upstream, metadata))}"
            return http.build_request("POST", place, headers=headers, content=body)
        method = "none" if self._secret is None else metadata.token_auth
        secret = "" if self._secret is None else self._secret.reveal().decode()
        shown = upstream.client_id, secret
        if (
            method == "client_secret_basic"
        ):  # RFC 6749 section 2.3.1: form-encoded first, which Authlib leaves out
            shown = quote_plus(upstream.client_id), quote_plus(secret)
        address, headers, body = ClientAuth(*shown, method).prepare("POST", place, headers, body)
        return http.build_request("POST", address, headers=headers, content=body)

    def _signed_proof(self, keys: ClientKeys, upstream: Upstream, metadata: Metadata) -> dict[str, str]:
        jti = secrets.token_urlsafe(24)
        told = write_assertion(upstream.client_id, metadata.issuer, self._clock.now(), jti)
        assertion = keys.signing().sign(json.dumps(told).encode(), purpose="JWT")
        return {
            "client_id": upstream.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }

    async def _claims(
        self, http: httpx.AsyncClient, metadata: Metadata, upstream: Upstream, id_token: str
    ) -> dict[str, Any]:
        header = id_tokens.header_of(id_token)
        id_tokens.check_header(header, upstream.algorithms)
        keys = id_tokens.fitting(await self._provider_keys(http, metadata, _FRESH_S), header)
        if not keys:  # the provider may have begun to sign with a new one
            keys = id_tokens.fitting(await self._provider_keys(http, metadata, _KEYS_AGAIN_S), header)
        return id_tokens.claims_of(id_token, keys)

    async def _provider_keys(
        self, http: httpx.AsyncClient, metadata: Metadata, fresh_s: float
    ) -> Sequence[ProviderKey]:
        now = self._clock.monotonic()
        if self._keys and now - self._keys[0] < fresh_s and self._keys[1] == metadata.jwks_uri:
            return self._keys[2]
        document = await _json(http, http.build_request("GET", metadata.jwks_uri))
        try:
            found = id_tokens.read_keys(document)
        except Malformed as error:
            raise Unavailable(str(error)) from error
        self._keys = now, metadata.jwks_uri, found
        return found

    async def _userinfo(
        self, http: httpx.AsyncClient, metadata: Metadata, access_token: str
    ) -> dict[str, Any]:
        if not metadata.userinfo_endpoint:
            return {}
        headers = {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
        return await _json(http, http.build_request("GET", metadata.userinfo_endpoint, headers=headers))


def _token(tokens: Mapping[str, Any], name: str) -> str:
    value = tokens.get(name)
    if not isinstance(value, str) or not value:
        raise LoginRefused("tokens", f"the provider gave no {name}")
    return value


def _known(scopes: Sequence[str], metadata: Metadata) -> list[str]:
    """Of the scopes that are wanted those that the provider knows, if it says which."""
    return [scope for scope in scopes if not metadata.scopes or scope in metadata.scopes]


async def _json(http: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """The JSON object that answers a request. Raises as `_send`."""
    return _object(await _send(http, request))


@dataclass(frozen=True, slots=True)
class _Answered:
    place: str
    body: bytes


async def _send(http: httpx.AsyncClient, request: httpx.Request) -> _Answered:
    """An answer that says yes. Raises Unavailable, or LoginRefused if the provider refuses (4xx)."""
    place = f"{request.url.host}{request.url.path}"
    try:
        answer = await http.send(request, stream=True)
        try:
            body = await _bounded(answer)
        finally:
            await answer.aclose()
    except httpx.HTTPError as error:
        raise Unavailable(f"the provider does not answer at {place}: {type(error).__name__}") from error
    if answer.is_client_error:
        raise LoginRefused("provider", f"the provider refused at {place} with {answer.status_code}")
    if not answer.is_success:
        raise Unavailable(f"the provider answered {answer.status_code} at {place}")
    return _Answered(place, body)


def _object(answered: _Answered) -> dict[str, Any]:
    try:
        found = json.loads(answered.body)
    except ValueError as error:
        raise Unavailable(f"the provider's answer at {answered.place} is no JSON") from error
    if not isinstance(found, dict):
        raise Unavailable(f"the provider's answer at {answered.place} is no JSON object")
    return found


async def _bounded(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > _LONGEST_ANSWER:
            raise Unavailable(f"the provider's answer is longer than {_LONGEST_ANSWER} bytes")
    return bytes(body)
