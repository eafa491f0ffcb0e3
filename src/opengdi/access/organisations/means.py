"""What decisions take from outside, so that they stay pure: ids, texts, evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from opengdi.access.organisations.model import Document, Signed, Version
from opengdi.kernel.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Means:
    """documents: all there are. keep: id of a text that was kept as about somebody. new_id: fresh each time.

    code_of: of an invitation, by its id.

    attest: evidence that the one who asks signs a version for an organisation or for themselves.
    """

    documents: Sequence[Document]
    keep: Callable[[str, str], str]
    new_id: Callable[[], str]
    code_of: Callable[[str], str]
    attest: Callable[[Document, Version, str, datetime], str]

    def version(self, document: str, number: int) -> tuple[Document, Version]:
        """A version of a document that can be signed. Raises NotFound, Conflict if it was superseded."""
        found = next((each for each in self.documents if each.id == document), None)
        version = found.version(number) if found else None
        if found is None or version is None or found.retired:
            raise NotFound(f"there is no version {number} of {document}")
        if number < found.versions[-1].number and found.versions[-1].binding <= version.binding:
            raise Conflict(
                f"version {number} of {document} was replaced", public="This version was replaced."
            )
        return found, version

    def signed(
        self, document: str, number: int, sha256: str, signer: str, party: str, now: datetime
    ) -> Signed:
        """A click signature. Raises Invalid if the digest is not that of the version."""
        found, version = self.version(document, number)
        if version.sha256 != sha256:
            raise Invalid(
                f"sha256 is not that of version {number} of {document}: the signer saw something else"
            )
        evidence = self.attest(found, version, party, now)
        return Signed(document, number, sha256, signer, now, "click", evidence)


def code_digest(code: str) -> str:
    """What is kept of an invitation's code."""
    return hashlib.sha256(code.encode()).hexdigest()
