"""`gdi logout`: take back what `gdi login` got, here and at the hub."""

from __future__ import annotations

import typer

from opengdi.apps.commands.login import HubOption, JsonOption, StoreOption, store_folder

app = typer.Typer(help="Log out at a hub: tokens are taken back.")


@app.callback(invoke_without_command=True)
def logout(hub: HubOption = "", store: StoreOption = None, json: JsonOption = False) -> None:
    """Forgets the login here, then has the hub revoke it. Leaves with 8 if the hub could not be told."""
    import asyncio
    from json import dumps

    from opengdi.apps.native_login import broker_of
    from opengdi.apps.person_tokens import TokenFile
    from opengdi.kernel.clock import SystemClock

    file = TokenFile(store_folder(store))
    with file.alone():
        kept = file.find(hub.rstrip("/"))
        file.forget(kept)
        revoked = asyncio.run(broker_of(kept.hub, SystemClock()).revoke(kept.refresh_token))
    told = {"hub": kept.hub, "revoked": revoked}
    sentence = "" if revoked else "; the hub has no place where tokens are taken back"
    print(dumps(told) if json else f"logged out at {kept.hub}{sentence}")
