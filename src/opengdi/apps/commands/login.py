"""`gdi login`: log in at a hub from the terminal; `gdi token` then gives access tokens for its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Log in at a hub, for `gdi token`.")

HubOption = Annotated[
    str, typer.Option("--hub", envvar="GDI_LOGIN_HUB", help="Address of the hub; not given: the last one.")
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        envvar="GDI_LOGIN_STORE", help="Folder that keeps logins, mode 0700; not given: the user's own."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object instead of a sentence.")]


def store_folder(chosen: Path | None) -> Path:
    """Where logins are kept: what was chosen, or `gdi` among the user's settings."""
    return chosen or Path(typer.get_app_dir("gdi"))


@app.callback(invoke_without_command=True)
def login(
    hub: Annotated[str, typer.Option(envvar="GDI_LOGIN_HUB", help="Address of the hub.")],
    node: Annotated[
        list[str] | None,
        typer.Option("--for", help="Address of a node that tokens will be for; needed where a hub insists."),
    ] = None,
    hint: Annotated[
        str, typer.Option(help="Who to be at a hub with the development provider; needs no browser.")
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Prove anew who you are, as grave acts may need it.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="Open a browser; the address is printed anyway.")] = True,
    wait: Annotated[float, typer.Option(min=1, help="Seconds in which to log in.")] = 300.0,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Opens the hub's login page in a browser and waits for it. Leaves with 4 if nobody logs in, 5 if it is refused."""
    import asyncio
    import sys
    from json import dumps

    from opengdi.apps.native_login import NativeLogin, broker_of, open_browser
    from opengdi.apps.person_tokens import Kept, TokenFile
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import NotPermitted

    def show(address: str) -> None:
        print(f"open this address in a browser on this machine:\n{address}", file=sys.stderr, flush=True)
        if browser:
            open_browser(address)

    hub = hub.rstrip("/")
    native = NativeLogin(broker_of(hub, SystemClock()), show, wait)
    nodes = tuple(each.rstrip("/") for each in node or ())
    oldest = 0 if fresh else None
    arrival = asyncio.run(
        native.by_hint(hint, nodes, max_age=oldest) if hint else native.by_browser(nodes, max_age=oldest)
    )
    if not arrival.refresh_token:
        raise NotPermitted(
            f"{hub} gave no refresh token to gdi: its operator must allow the client gdi-cli one"
        )
    identity, file = arrival.identity, TokenFile(store_folder(store))
    with file.alone():
        file.keep(Kept(hub, identity.subject, identity.name, arrival.refresh_token))
    told = {"hub": hub, "subject": identity.subject, "name": identity.name}
    print(dumps(told) if json else f"logged in at {hub} as {identity.name or identity.subject}")
