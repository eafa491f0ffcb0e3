"""What a letter is, how it looks on the wire, and what whoever takes it away promises.

Spec: RFC 5322 (format), RFC 3834 (letters that a program writes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final, Protocol

from opengdi.kernel.errors import Invalid, Unavailable

LONGEST_ADDRESS: Final = 254
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
_NAME_MARKS: Final = re.compile(r"[\x00-\x1f\x7f]+")


class Deferred(Unavailable):
    """One letter was not taken now, but may be later; others are not concerned."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A plain text for one person. id: of the letter, the same each time that it is sent; at: when it was written.

    sender, sender_name: who writes, as people see it.
    """

    id: str
    to: str
    subject: str
    text: str
    at: datetime
    sender: str
    sender_name: str = ""

    def message(self) -> EmailMessage:
        """The letter on the wire. Who gets it twice knows by its Message-ID. Raises Invalid for what is no address."""
        sender = checked_address(self.sender)
        message = EmailMessage(policy=SMTP)
        message["From"] = Address(_NAME_MARKS.sub(" ", self.sender_name), addr_spec=sender)
        message["To"] = Address(addr_spec=checked_address(self.to))
        message["Subject"] = _NAME_MARKS.sub(" ", self.subject)
        message["Date"] = self.at
        message["Message-ID"] = f"<{self.id}@{sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(self.text)
        return message


class Post(Protocol):
    """Takes letters away. Methods block: call them from a thread."""

    def deliver(self, letter: Letter) -> None:
        """Returns once somebody else answers for the letter.

        Raises Unavailable if no letter can be taken now, Deferred if only this one cannot, and Invalid if this one
        never can.
        """
        ...


def checked_address(text: str) -> str:
    """An address that can stand in a header and in an SMTP command. Raises Invalid."""
    if len(text) > LONGEST_ADDRESS or not text.isascii() or not _ADDRESS.match(text):
        raise Invalid("this is no e-mail address in ASCII such as one@example.org")
    return text
