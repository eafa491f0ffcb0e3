"""`gdi token`: an access token of whoever is logged in, good at one node only."""

from __future__ import annotations

from typing import Annotated

import typer

from opengdi.apps.commands.login import HubOption, JsonOption, StoreOption, store_folder

app = typer.Typer(help="Print an access token for a node, or for the hub.")


@app.callback(invoke_without_command=True)
def token(
    node: Annotated[
        str, typer.Option("--for", help="Address of the node; not given: the token is for the hub itself.")
    ] = "",
    hub: HubOption = "",
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Good for some minutes: ask again for each use. Leaves with 4 if you must log in first."""
    import asyncio
    from dataclasses import replace
    from json import dumps

    from opengdi.apps.native_login import broker_of
    from opengdi.apps.person_tokens import TokenFile
    from opengdi.identity.login.model import LoginRefused
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import NotAuthenticated

    clock, file = SystemClock(), TokenFile(store_folder(store))
    with file.alone():
        kept = file.find(hub.rstrip("/"))
        try:
            given = asyncio.run(broker_of(kept.hub, clock).refresh(kept.refresh_token, node.rstrip("/")))
        except LoginRefused as error:
            what = f"a token for {node}" if node else "a token"
            raise NotAuthenticated(
                f"{kept.hub} gives no more: {what} was refused ({error}). "
                f"Log in again, naming the node: gdi login --hub {kept.hub} --for {node or 'https://…'}"
            ) from error
        file.renew(replace(kept, refresh_token=given.refresh_token))
    if not json:
        print(given.access_token)
        return
    ends = clock.now() + given.lasts
    told = {
        "access_token": given.access_token,
        "token_type": "Bearer",
        "ends": ends.isoformat(timespec="seconds"),
        "scope": given.scope,
        "for": node.rstrip("/") or kept.hub,
    }
    print(dumps(told))
