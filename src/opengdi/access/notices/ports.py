"""What notices ask of what lies around them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from opengdi.kernel.principal import Role


class Directory(Protocol):
    """Who holds which office, and how people are reached. Methods block shortly."""

    def officials(self, organisation: str) -> Collection[str]:
        """Subjects of those who sign for an organisation; none, if it is unknown."""
        ...

    def holders(self, role: Role, of: str = "") -> Collection[str]:
        """Subjects of those who have a role, for `of` or for the whole service."""
        ...

    def signers(self, *, of_people: bool) -> Collection[str]:
        """Subjects of those who sign documents: people for themselves, or officials for their organisations."""
        ...

    def mailbox(self, body: str) -> str:
        """The address at which a body wants its notices; empty: its people are told, each at their own."""
        ...

    def address(self, subject: str) -> str:
        """E-mail address of a person; empty, if none is known (any more)."""
        ...

    def organisation(self, id_: str) -> str:
        """What an organisation is called; empty, if it is unknown."""
        ...


class Codes(Protocol):
    """Codes of invitations: known to whoever is invited, and to nobody else."""

    def of_application(self, invitation: str) -> str: ...

    def of_organisation(self, invitation: str) -> str: ...
