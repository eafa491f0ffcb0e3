"""Who sends an S3 request: by a signature with a key of a program, or by a token that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from opengdi.archive.uploads.ports import SenderKeys, Tokens
from opengdi.archive.uploads.s3_shape import S3Refusal
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import NotAuthenticated, NotPermitted
from opengdi.kernel.principal import Principal
from opengdi.standards.faults import Malformed, Unverified
from opengdi.standards.s3.signature import (
    Authorization,
    Request,
    Seed,
    parse_authorization,
    signed_at,
    verify,
)

SKEW: Final = timedelta(minutes=15)
"""How far the clocks of client and server may be apart, as with Amazon's."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Who sends, and what the chunks of the body are signed after; None: they are not."""

    principal: Principal
    seed: Seed | None = None


class S3Identity:
    """Tells senders apart. base: path below which S3 is served, which a client may not have signed."""

    def __init__(self, keys: SenderKeys, tokens: Tokens, clock: Clock, base: str) -> None:
        self._keys = keys
        self._tokens = tokens
        self._clock = clock
        self._base = base

    async def identify(self, request: Request) -> Identified:
        """Raises S3Refusal if nobody known sent the request, or not this one."""
        text = request.headers.get("authorization", "")
        shown = request.headers.get("x-amz-security-token", "")
        if text.lower().startswith("bearer "):
            shown = text[len("bearer ") :].strip()
        elif text:
            return await self._signed(request, text, shown)
        if "X-Amz-Signature=" in request.query:
            raise S3Refusal(
                "NotImplemented", "presigned URLs are not taken: sign the request, or send a token"
            )
        if not shown:
            raise S3Refusal("AccessDenied", "a request must be signed, or carry a token")
        return Identified(await self._of_token(shown, request))

    async def _signed(self, request: Request, text: str, shown: str) -> Identified:
        if text.startswith("AWS "):
            raise S3Refusal("InvalidRequest", "signatures of version 2 are not taken; use AWS4-HMAC-SHA256")
        try:
            authorization = parse_authorization(text)
            if abs(self._clock.now() - signed_at(request)) > SKEW:
                raise S3Refusal("RequestTimeTooSkewed", "the clock of the sender is more than 15 minutes off")
            return await self._verified(request, authorization, shown)
        except Malformed as error:
            raise S3Refusal("InvalidRequest", str(error)) from error

    async def _verified(self, request: Request, authorization: Authorization, shown: str) -> Identified:
        """The signature first, which costs no database; then whose key or token it is.

        The login services of the field give out key = secret = user, and the token as session token.
        """
        key = authorization.access_key
        if shown:
            seed = self._seed(request, authorization, (_raw(key), _raw(shown)))
            return Identified(await self._of_token(shown, request), seed)
        id_ = _id_in(key)
        secret = self._keys.secret(id_)
        if secret is None:
            raise S3Refusal("InvalidAccessKeyId", "this access key is not one of this node")
        if key != id_:
            seed = self._seed(request, authorization, (secret.reveal(), _raw(key)))
            return Identified(await self._of_token(key, request), seed)
        seed = self._seed(request, authorization, (secret.reveal(),))
        return Identified(await self._of_id(id_, request), seed)

    def _seed(self, request: Request, authorization: Authorization, secrets: tuple[bytes, ...]) -> Seed:
        for form in self._forms(request):
            for secret in secrets:
                try:
                    return verify(form, authorization, secret)
                except Unverified:
                    continue
        raise S3Refusal(
            "SignatureDoesNotMatch", "the signature does not match the request and the secret key"
        )

    async def _of_id(self, id_: str, request: Request) -> Principal:
        try:
            return await self._keys.of_id(id_, request.method, request.path)
        except NotAuthenticated as error:
            raise S3Refusal("InvalidAccessKeyId", "this access key is not one of this node") from error
        except NotPermitted as error:
            raise S3Refusal("AccessDenied", error.public) from error

    async def _of_token(self, token: str, request: Request) -> Principal:
        try:
            return await self._tokens.of_token(token, request.method, request.path)
        except (NotAuthenticated, NotPermitted) as error:
            raise S3Refusal("AccessDenied", "the token does not hold here") from error

    def _forms(self, request: Request) -> Iterator[Request]:
        """What the client may have signed: the request as it came, or without the base path.

        A proxy may add the base; and s3cmd, given a host with a path, signs the path as a part of the host.
        """
        yield request
        if request.path.startswith(self._base):
            below = replace(request, path=request.path.removeprefix(self._base) or "/")
            yield below
            host = request.headers.get("host", "")
            yield replace(below, headers={**request.headers, "host": host + self._base})


def _id_in(key: str) -> str:
    """The id of a key; some clients take the whole `gdi_<id>_<secret>` as access key and as secret key."""
    parts = key.split("_")
    return parts[1] if len(parts) == 3 and parts[0] == "gdi" else key


def _raw(text: str) -> bytes:
    """A header's bytes as they came."""
    return text.encode("utf-8", "surrogateescape")
