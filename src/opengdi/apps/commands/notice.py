"""`gdi notice`: what people were told, and what they could not be told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opengdi.apps.commands.config import ConfigOption
from opengdi.apps.commands.key import AtOption, JsonOption, operator, told_time

if TYPE_CHECKING:
    from opengdi.access.notices.model import Notice

app = typer.Typer(no_args_is_help=True, help="See what people were told by e-mail, and send it again.")

MOST = 10_000

NoticeId = Annotated[str, typer.Argument(help="Id of the notice, as `gdi notice list` shows it.")]


@app.command("list")
def list_notices(
    *,
    state: Annotated[
        str, typer.Option(help="Only these, separated by commas: waiting, sent, unsent, dropped.")
    ] = "waiting,unsent",
    most: Annotated[int, typer.Option(min=1, max=MOST, help="At most so many.")] = 100,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List notices, the newest first: id, state, what it is, about what, to whom, what went wrong."""
    from opengdi.access.notices.model import State
    from opengdi.access.notices.store import NoticeBook
    from opengdi.apps.opened_service import open_service
    from opengdi.kernel.errors import Invalid

    try:
        states = [State(each.strip()) for each in state.split(",") if each.strip()]
    except ValueError as error:
        raise Invalid(f"--state {state!r} must be of {', '.join(State)}") from error
    with open_service(config, at) as opened:
        found = NoticeBook(opened.engine, opened.clock).lines(states=states, most=most)
    if as_json:
        print(json.dumps([told(each) for each in found], indent=2))
        return
    for each in found:
        line = (each.id, each.state, each.rule, each.source.thing, each.recipient, each.trouble)
        print("\t".join(line).rstrip())


@app.command()
def show(notice: NoticeId, *, at: AtOption = "", config: ConfigOption = None) -> None:
    """Print one notice as JSON."""
    from opengdi.access.notices.store import NoticeBook
    from opengdi.apps.opened_service import open_service

    with open_service(config, at) as opened:
        print(json.dumps(told(NoticeBook(opened.engine, opened.clock).find(notice)), indent=2))


@app.command()
def retry(
    notice: Annotated[list[str] | None, typer.Argument(help="Ids, as `gdi notice list` shows them.")] = None,
    *,
    unsent: Annotated[bool, typer.Option("--all", help="All that could not be sent.")] = False,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send notices again; the serving process does it within seconds."""
    from opengdi.access.notices.model import State
    from opengdi.access.notices.store import NoticeBook
    from opengdi.apps.opened_service import open_service
    from opengdi.kernel.errors import Invalid

    if bool(notice) == unsent:
        raise Invalid("name the notices to send again, or say --all")
    with open_service(config, at) as opened:
        book = NoticeBook(opened.engine, opened.clock)
        wanted = notice or [each.id for each in book.lines(states=[State.UNSENT], most=MOST)]
        found = [book.retry(each) for each in wanted]
        for each in found:
            opened.audit.append("notice.retry", actor=operator(), objects=(f"notice:{each.id}",))
    if as_json:
        print(json.dumps([told(each) for each in found], indent=2))
    else:
        print("\n".join(f"{each.id} waits to be sent" for each in found))


def told(notice: Notice) -> dict[str, Any]:
    """A notice as JSON."""
    return {
        "id": notice.id,
        "state": notice.state,
        "notice": notice.rule,
        "thing": notice.source.thing,
        "event": notice.source.position,
        "recipient": notice.recipient,
        "written": told_time(notice.written),
        "attempts": notice.attempts,
        "due": told_time(notice.due),
        "ended": told_time(notice.ended),
        "trouble": notice.trouble,
    }
