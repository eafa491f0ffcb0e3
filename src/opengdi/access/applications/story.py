"""How applications are told: their events, and what lists say of them."""

from __future__ import annotations

from typing import Final

import msgspec

from opengdi.access.applications.evolution import evolve
from opengdi.access.applications.model import UNSENT, Application, State
from opengdi.access.ledger import Story
from opengdi.access.model import Head


def organisation_mark(organisation: str) -> str:
    """Whom a list concerns who signs for an organisation."""
    return f"organisation:{organisation}"


def body_mark(body: str) -> str:
    """Whom a list concerns who works for a body."""
    return f"body:{body}"


def head_of(application: Application) -> Head:
    """Where an application stands. A draft concerns nobody but its own people."""
    concerned = {application.applicant, *application.member_subjects, *application.former}
    concerned |= {invitation.subject for invitation in application.invitations}
    if application.state not in UNSENT:
        concerned.add(organisation_mark(application.organisation))
        concerned |= set(map(body_mark, application.bodies))
    if application.state is State.DELETED:
        concerned = set()
    summary = {
        "title": application.title,
        "purpose": application.purpose,
        "until": application.until,
        "applicant": application.applicant,
        "organisation": application.organisation,
        "members": msgspec.to_builtins(application.members),
        "invited": [invitation.subject for invitation in application.invitations if invitation.subject],
        "former": sorted(application.former),
        "bodies": sorted(application.bodies),
        "datasets": sorted({asked.dataset for asked in application.datasets}),
        "permit": application.permit,
        "submitted": application.submitted.isoformat() if application.submitted else "",
    }
    return Head(application.state, frozenset(concerned - {""}), summary)


APPLICATIONS: Final = Story("application", Application(), evolve, head_of)
