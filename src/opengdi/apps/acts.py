"""All that people can do by a command of access, as the last part of addresses has it."""

from __future__ import annotations

from opengdi.access.applications.model import Command as OfApplications
from opengdi.access.cases.model import Command as OfCases
from opengdi.access.organisations.commands import ORGANISATION_COMMANDS, PERSON_COMMANDS, PROVIDER_COMMANDS
from opengdi.access.permits.model import Command as OfPermits


def commands_of_access() -> frozenset[str]:
    """Commands of applications, cases, permits, organisations, people and providers."""
    own = {command.value for kind in (OfApplications, OfCases, OfPermits) for command in kind}
    return frozenset(own).union(ORGANISATION_COMMANDS, PERSON_COMMANDS, PROVIDER_COMMANDS)
