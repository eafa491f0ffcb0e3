"""What organisations need of their surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from opengdi.access.organisations.model import Document, Version


@dataclass(frozen=True, slots=True)
class Presence:
    """How somebody was there when they signed. Only digests of what proves a session, never that itself.

    logged_in: when they proved who they are; None: that is not known. session: SHA-256 of the session or token.
    """

    subject: str
    logged_in: datetime | None
    session: str
    request: str


@dataclass(frozen=True, slots=True)
class SignatureWish:
    """What an external service is asked. reference: ours; signer: name and e-mail address, as texts hold them."""

    reference: str
    title: str
    sha256: str
    media_type: str
    document_url: str
    signer: str
    callback_url: str


@dataclass(frozen=True, slots=True)
class Started:
    """An external service collects a signature. url: where the signer goes."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it, as the service says when asked. signed_at: None: refused, or over.

    certificate: SHA-256 of the signed document or of the certificate of completion, which the service keeps.
    """

    id: str
    pending: bool
    sha256: str = ""
    signed_at: datetime | None = None
    certificate: str = ""


class ExternalSignatures(Protocol):
    """A service that collects signatures, qualified ones perhaps (eIDAS). Methods block."""

    def start(self, wish: SignatureWish) -> Started:
        """Raises Unavailable if it does not answer, Invalid if it refuses the wish."""
        ...

    def outcome(self, id_: str) -> Outcome:
        """Where a signature stands. Raises Unavailable, NotFound."""
        ...

    def check_call(self, body: bytes, signature: str) -> str:
        """The id of the signature that a call from the service is about. Raises NotAuthenticated, Invalid."""
        ...


class Attestor(Protocol):
    """Makes evidence of signatures, signed by this service."""

    def click(
        self, document: Document, version: Version, party: str, presence: Presence, now: datetime
    ) -> str: ...

    def collected(
        self, document: Document, version: Version, party: str, signer: str, outcome: Outcome
    ) -> str: ...
