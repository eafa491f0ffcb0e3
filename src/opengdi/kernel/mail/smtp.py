"""Letters by SMTP: a connection for each, with TLS wherever it is asked for, never without it in silence.

Spec: RFC 5321; RFC 3207 (STARTTLS), RFC 8314 (TLS from the first byte).
"""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from opengdi.kernel.errors import Invalid, Unavailable
from opengdi.kernel.keys import Secret
from opengdi.kernel.mail.letters import Deferred, Letter

_ADDRESSES: Final = re.compile(r"\S+@\S+")
_PERMANENT: Final = 500
"""From here on replies mean that trying again will not help (RFC 5321, 4.2.1)."""


class Security(StrEnum):
    """How the connection is kept from others. NONE: it is not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A server and how to talk to it. user: empty, if it asks for nobody; ca_file: who signs its certificate, None:
    whom the system trusts.
    """

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str = ""
    password: Secret | None = None
    timeout_s: float = 30.0
    ca_file: Path | None = None


class SmtpPost:
    """Hands letters to one server."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server

    def deliver(self, letter: Letter) -> None:
        message = letter.message()
        with self._talking() as server:
            try:
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as refusal:
                code, said = next(iter(refusal.recipients.values()))
                raise self._refused(code, said) from refusal
            except smtplib.SMTPDataError as refusal:
                raise self._refused(refusal.smtp_code, refusal.smtp_error) from refusal

    @contextmanager
    def _talking(self) -> Iterator[smtplib.SMTP]:
        """A connection, encrypted and logged in as asked for. Raises Unavailable for whatever is no letter's fault."""
        server = self._server
        try:
            talk = self._connected()
            try:
                if server.security is Security.STARTTLS:
                    talk.starttls(context=self._trust())
                if server.user:
                    talk.login(server.user, server.password.reveal().decode() if server.password else "")
                yield talk
                _say_goodbye(talk)
            finally:
                talk.close()
        except smtplib.SMTPResponseException as refusal:
            said = _reply(refusal.smtp_code, refusal.smtp_error)
            raise Unavailable(f"{self._name} refuses: {said}") from refusal
        except (
            OSError,
            ValueError,
        ) as error:  # SMTPException is an OSError; ValueError: from the TLS library
            raise Unavailable(f"{self._name} cannot be used: {str(error) or type(error).__name__}") from error

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.security is Security.TLS:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=server.timeout_s, context=self._trust())
        return smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._server.ca_file)

    @property
    def _name(self) -> str:
        return f"mail server {self._server.host}:{self._server.port}"

    def _refused(self, code: int, said: bytes | str) -> Invalid | Deferred:
        kind = Invalid if code >= _PERMANENT else Deferred
        return kind(f"{self._name} does not take this letter: {_reply(code, said)}")


def _say_goodbye(talk: smtplib.SMTP) -> None:
    """The letter was taken: whatever the server answers to QUIT, it is not to be sent again."""
    with suppress(OSError):
        talk.quit()


def _reply(code: int, said: bytes | str) -> str:
    """What a server said, on one line and not long; without the addresses in it, as this is kept and logged."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(_ADDRESSES.sub("(address)", f"{code} {text}").split())[:300]
