"""`gdi people`: who has which role at a node or a hub."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption
from opengdi.apps.commands.key import (
    AtOption,
    JsonOption,
    UntilOption,
    operator,
    read_duty,
    read_end,
    told_duty,
    told_time,
)

if TYPE_CHECKING:
    from opengdi.identity.duties.model import GivenDuty

app = typer.Typer(no_args_is_help=True, help="Say who has which role here, and until when.")


@app.command("list")
def list_people(
    *,
    past: Annotated[bool, typer.Option("--past", help="Roles that have ended too.")] = False,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List who has which role: id, person, role, end."""
    from opengdi.apps.doors import duty_book
    from opengdi.apps.opened_service import open_service

    with open_service(config, at) as state:
        now = state.clock.now()
        given = [each for each in duty_book(state).all() if past or each.holds_at(now)]
    if as_json:
        print(json.dumps([told(each) for each in given], indent=2))
        return
    for each in given:
        who = each.subject or f"{each.email} (has not logged in)"
        end = told_time(each.ended or each.until) or "no end"
        print(f"{each.id}\t{who}\t{told_duty(each.duty)}\t{end}")


@app.command()
def grant(
    person: Annotated[
        str, typer.Argument(help="Id of the person at the hub, or an e-mail address until they log in.")
    ],
    role: Annotated[
        str, typer.Argument(help="Role, with what it is for: dac-member:ee.dac, provider:lab, auditor.")
    ],
    *,
    until: UntilOption = "",
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give somebody a role from now on."""
    from opengdi.apps.doors import duty_book
    from opengdi.apps.opened_service import open_service

    with open_service(config, at) as state:
        given = duty_book(state).give(person, read_duty(role), operator(), read_end(until))
    print(json.dumps(told(given)) if as_json else given.id)


@app.command()
def revoke(
    duty_id: Annotated[str, typer.Argument(help="Id of the role given, as `gdi people list` shows it.")],
    *,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a role back from now on. A serving process honours it a second later."""
    from opengdi.apps.doors import duty_book
    from opengdi.apps.opened_service import open_service

    with open_service(config, at) as state:
        ended = duty_book(state).end(duty_id, operator())
    print(json.dumps(told(ended)) if as_json else f"ended {ended.id}: {told_duty(ended.duty)}")


@app.command()
def erase(
    person: Annotated[str, typer.Argument(help="Id of the person at the hub.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Forget a person for good: name, addresses, what they wrote and what was written to them, roles and tokens.

    At a hub it ends their applications with the permits, and every node is told to forget them as well.
    """
    from opengdi.apps.forgetting import erase_person
    from opengdi.apps.opened_service import open_service

    if not yes:
        typer.confirm(f"Forget {person} for good? This cannot be undone.", abort=True)
    with open_service(config, at) as state:
        found = erase_person(state, person, operator())
    if as_json:
        print(json.dumps(asdict(found)))
        return
    print(f"forgot {found.subject}: {len(found.applications)} applications, {len(found.cases)} cases")
    if not found.emptied:
        print(
            "the log of the database, or the folder of letters or attachments, may still hold it: "
            "erase again when the service is idle"
        )
    if found.erasure:
        print(f"erasure {found.erasure}: `gdi people erasures` shows which nodes have carried it out")


@app.command()
def erasures(*, at: AtOption = "", as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List at a hub who was to be forgotten, which nodes have done so, and which have not said so yet."""
    from opengdi.apps.forgetting import list_erasures
    from opengdi.apps.opened_service import open_service

    with open_service(config, at) as state:
        found = list_erasures(state)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for each in found:
        done, waiting = (" ".join(each[name]) or "nobody" for name in ("done", "waiting"))
        print(f"{each['id']}\t{each['subject']}\t{each['asked']}\tdone: {done}\twaiting: {waiting}")


def told(given: GivenDuty) -> dict[str, Any]:
    """A role that was given, as JSON."""
    return {
        "id": given.id,
        "subject": given.subject,
        "email": given.email,
        "role": given.duty.role,
        "of": given.duty.of,
        "since": told_time(given.since),
        "until": told_time(given.until),
        "givenBy": given.given_by,
        "ended": told_time(given.ended),
        "endedBy": given.ended_by,
    }
