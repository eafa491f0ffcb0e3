"""What the hub shows to each member instead of the person's own token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from opengdi.federation.model import Member
from opengdi.kernel.keys import Secret, pseudonym
from opengdi.kernel.peers import ANSWER_HEADER, REQUEST_HEADER, PeerRequest, PeerSigner, check_answer
from opengdi.kernel.principal import Principal
from opengdi.standards.faults import Unverified


@dataclass(frozen=True, slots=True)
class HubCredentials:
    """A signed header for members with a pinned key; others are asked without any proof.

    pseudonyms: the secret from which each member gets another name for the same person.
    """

    signer: PeerSigner
    pseudonyms: Secret

    def headers(self, member: Member, asker: Principal, request: PeerRequest) -> Mapping[str, str]:
        headers = {}
        if member.key is not None:
            person = replace(asker, subject=pseudonym(self.pseudonyms, member.id, asker.subject))
            headers[REQUEST_HEADER] = self.signer.token(member.id, person, request)
        return headers

    def check_answer(
        self, member: Member, sent: Mapping[str, str], received: Mapping[str, str], body: bytes
    ) -> str:
        if member.key is None:
            return ""
        signature = received.get(ANSWER_HEADER)
        if signature is None:
            raise Unverified(
                f"it carries no signature; the node has to name {self.signer.hub} and its key in federation.hubs"
            )
        return check_answer(signature, sent[REQUEST_HEADER], body, node=member.id, keys=(member.key,))
