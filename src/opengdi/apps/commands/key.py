"""`gdi key`: keys of programs that call a node or a hub; and new keys for what it signs, in an emergency."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from opengdi.identity.machines.model import MachineKey
    from opengdi.kernel.principal import Duty

app = typer.Typer(no_args_is_help=True, help="Give out, rotate, list and take back keys of programs.")

AtOption = Annotated[
    str, typer.Option("--at", help="`node` or `hub`, where the settings file describes both.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]
UntilOption = Annotated[
    str, typer.Option(help="When it ends: a date such as 2027-06-30 (its end, UTC), or a time with zone.")
]
KeyId = Annotated[str, typer.Argument(help="Id of the key, as `gdi key list` shows it.")]


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What the program is called; no person's name.")],
    *,
    duty: Annotated[
        list[str] | None,
        typer.Option(
            help="provider:<name>, broker, operator or auditor (`:<of>` limits it); may be given again."
        ),
    ] = None,
    registered: Annotated[
        bool, typer.Option("--registered", help="May ask the subject-level Beacon, for registered people.")
    ] = False,
    path: Annotated[
        list[str] | None,
        typer.Option(help="Where it may be used, at and below, such as /s3; everywhere if not given."),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="HTTP method it may be used for; all if not given.")
    ] = None,
    until: UntilOption = "",
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a key and print it: `gdi_<id>_<secret>`. For S3, the id is the access key and the secret the secret key."""
    from opengdi.apps.doors import machine_keys, machine_secret
    from opengdi.apps.opened_service import open_service
    from opengdi.identity.machines.model import KeyTerms
    from opengdi.identity.machines.rules import token_of
    from opengdi.kernel.principal import Tier

    terms = KeyTerms(
        name,
        frozenset(map(read_duty, duty or ())),
        Tier.REGISTERED if registered else Tier.PUBLIC,
        tuple(path or ()),
        tuple(word.upper() for word in method or ()),
        read_end(until),
    )
    with open_service(config, at) as state:
        key = machine_keys(state).new(terms, operator())
        token = token_of(machine_secret(state), key.id)
    print(json.dumps(told(key) | {"key": token}) if as_json else token)


@app.command()
def rotate(
    key_id: KeyId,
    *,
    overlap_days: Annotated[
        float, typer.Option(min=0, max=90, help="Days for which the old key still holds.")
    ] = 7.0,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a key that follows another one, for the same, and print it: give it to the program while both hold."""
    from datetime import timedelta

    from opengdi.apps.doors import machine_keys, machine_secret
    from opengdi.apps.opened_service import open_service
    from opengdi.identity.machines.rules import token_of

    with open_service(config, at) as state:
        keys = machine_keys(state)
        key = keys.rotate(key_id, timedelta(days=overlap_days), operator())
        token = token_of(machine_secret(state), key.id)
        old = told(keys.find(key_id))
    print(json.dumps(told(key) | {"key": token, "follows": old}) if as_json else token)


@app.command("list")
def list_keys(
    *,
    ending: Annotated[
        float | None,
        typer.Option(min=0, help="Only keys that end within so many days and that no other one follows."),
    ] = None,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List all keys, those taken back too: id, name, what for, end, last use."""
    from datetime import timedelta

    from opengdi.apps.doors import machine_keys
    from opengdi.apps.opened_service import open_service
    from opengdi.identity.machines import rules

    with open_service(config, at) as state:
        keys: Iterable[MachineKey] = machine_keys(state).all()
        if ending is not None:
            keys = rules.ending(keys, state.clock.now(), timedelta(days=ending))
        found = [told(key) for key in keys]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for key in found:
        what = [*key["duties"], *(["registered"] if key["registered"] else [])]
        ended = f"revoked {key['revoked']}" if key["revoked"] else (key["until"] or "no end")
        used = f"used {key['lastUsed']}" if key["lastUsed"] else "never used"
        print(f"{key['id']}\t{key['name']}\t{','.join(what)}\t{ended}\t{used}")


@app.command()
def show(
    key_id: KeyId,
    *,
    secret: Annotated[bool, typer.Option("--secret", help="Print the key itself as well.")] = False,
    at: AtOption = "",
    config: ConfigOption = None,
) -> None:
    """Show one key as JSON. Its secret is derived, so it can be shown again."""
    from opengdi.apps.doors import machine_keys, machine_secret
    from opengdi.apps.opened_service import open_service
    from opengdi.identity.machines.rules import token_of

    with open_service(config, at) as state:
        key = machine_keys(state).find(key_id)
        found = told(key)
        if secret:
            found["key"] = token_of(machine_secret(state), key.id)
            state.audit.append("key.show", actor=operator(), objects=(f"key:{key.id}",))
    print(json.dumps(found, indent=2))


@app.command("sda-cli")
def sda_cli(
    key_id: KeyId,
    *,
    to: Annotated[
        str, typer.Option(help="The node's address; the settings' `public.external_url` if not given.")
    ] = "",
    days: Annotated[float, typer.Option(min=0.01, max=90, help="Days for which the token holds.")] = 7.0,
    at: AtOption = "",
    config: ConfigOption = None,
) -> None:
    """Print settings with which `sda-cli` uploads by a key: it takes nothing but tokens that say when they end.

    The key must be for the inbox of one provider and nothing else. The token opens what the key opens, no longer than
    it, and ends at once when the key is taken back.
    """
    from opengdi.apps.opened_service import open_service
    from opengdi.apps.upload_settings import sda_cli_settings

    with open_service(config, at) as state:
        text = sda_cli_settings(state, key_id, to, days)
        state.audit.append("key.show", actor=operator(), objects=(f"key:{key_id}",))
    print(text, end="")


@app.command()
def revoke(
    key_id: KeyId, at: AtOption = "", as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Take a key back, for ever. A serving process refuses it a second later."""
    from opengdi.apps.doors import machine_keys
    from opengdi.apps.opened_service import open_service

    with open_service(config, at) as state:
        key = machine_keys(state).revoke(key_id, operator())
    print(json.dumps(told(key)) if as_json else f"revoked {key.id} ({key.terms.name})")


@app.command()
def replace(
    name: Annotated[
        str, typer.Argument(help="What the keys are for: visas, visas-BODY, broker, rems-visas.")
    ],
    *,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """In an emergency: forget the keys that sign visas or tokens, and sign with a new one from now on.

    What the old ones signed is believed by nobody who has fetched the new key set. A serving process follows within a
    minute; others when what they keep of the key set is over. Keys follow each other by themselves otherwise.
    """
    from opengdi.apps.opened_service import open_service
    from opengdi.kernel.errors import NotFound
    from opengdi.kernel.keys import RotatingKeys, Rotation, rotating_names

    with open_service(config, at) as state:
        known = rotating_names(state.keys)
        if name not in known:
            raise NotFound(
                f"there are no keys {name!r} to replace; known are {', '.join(sorted(known)) or 'none'}"
            )
        keys = RotatingKeys(state.keys, name, state.clock, algorithm=known[name], rotation=Rotation())
        fresh = keys.replace_now().public
        state.audit.append("key.replace", actor=operator(), objects=(f"keys:{name}", f"key:{fresh.key_id}"))
    print(
        json.dumps({"name": name, "kid": fresh.key_id})
        if as_json
        else f"{name} signs with {fresh.key_id} now"
    )


def told(key: MachineKey) -> dict[str, Any]:
    """A key as JSON, without its secret."""
    from opengdi.kernel.principal import Tier

    terms = key.terms
    return {
        "id": key.id,
        "name": terms.name,
        "duties": sorted(map(told_duty, terms.duties)),
        "registered": terms.tier is Tier.REGISTERED,
        "paths": list(terms.paths),
        "methods": list(terms.methods),
        "created": key.created.isoformat(),
        "createdBy": key.created_by,
        "until": told_time(terms.until),
        "revoked": told_time(key.revoked),
        "lastUsed": told_time(key.last_used),
    }


def told_time(time: datetime | None) -> str | None:
    """ISO 8601, or nothing."""
    return time.isoformat() if time else None


def told_duty(duty: Duty) -> str:
    """`role` or `role:of`."""
    return f"{duty.role}:{duty.of}" if duty.of else str(duty.role)


def read_duty(text: str) -> Duty:
    """`role` or `role:of`. Raises Invalid."""
    from opengdi.kernel.errors import Invalid
    from opengdi.kernel.principal import Duty, Role

    role, _, of = text.partition(":")
    try:
        return Duty(Role(role), of)
    except ValueError:
        raise Invalid(f"role {role!r} is not known; known are {', '.join(Role)}") from None


def read_end(text: str) -> datetime | None:
    """The end that a person wrote: a day with all of it, or a time with its zone; None if nothing. Raises Invalid."""
    from datetime import UTC, date, datetime, timedelta

    from opengdi.kernel.errors import Invalid

    if not text:
        return None
    try:
        if len(text) == len("2027-06-30"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"--until {text!r} must be a date such as 2027-06-30, or a time with zone") from None
    if time.tzinfo is None:
        raise Invalid(f"--until {text!r} has no time zone; write 2027-06-30T12:00:00+00:00")
    return time


def operator() -> str:
    """Who runs the command, for audit lines."""
    return f"operator:{os.getuid()}"
