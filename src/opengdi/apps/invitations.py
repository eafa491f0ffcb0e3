"""Codes of invitations: made from a secret and the invitation's id, so that they can be sent and are kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opengdi.kernel.keys import Secret, pseudonym

if TYPE_CHECKING:
    from opengdi.apps.service_state import ServiceState

INVITATIONS: Final = "invitations"
"""Name of the secret: who has it and an invitation's id can accept it."""


@dataclass(frozen=True, slots=True)
class InvitationCodes:
    """Implements `access.notices.ports.Codes`."""

    secret: Secret

    def of_application(self, invitation: str) -> str:
        """Of an invitation to take part in an application."""
        return pseudonym(self.secret, "application", invitation)

    def of_organisation(self, invitation: str) -> str:
        """Of an invitation to an organisation."""
        return pseudonym(self.secret, "organisation", invitation)


def invitation_codes(state: ServiceState) -> InvitationCodes:
    """The codes of this service."""
    return InvitationCodes(state.keys.secret(INVITATIONS))
