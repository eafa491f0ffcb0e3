"""`gdi registry`: who belongs to the federation of a hub, as one signed document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opengdi.apps.commands.config import ConfigOption

if TYPE_CHECKING:
    from opengdi.apps.registry_draft import RegistryDraft
    from opengdi.apps.settings import Settings
    from opengdi.federation.registry import Registry

app = typer.Typer(no_args_is_help=True, help="Keep and sign the registry of a hub's members.")


Service = Annotated[str, typer.Argument(help="Id of the Beacon, unique; clients see it as `beaconId`.")]
MemberId = Annotated[
    str, typer.Option(help="Id of the node; it is what the hub's requests are addressed to.")
]
Networks = Annotated[list[str], typer.Option(help="`aggregated` or `individuals`; may be given twice.")]
WebPage = Annotated[str, typer.Option(help="Its web page; the Beacon's address if not given.")]
KeyFile = Annotated[
    Path | None, typer.Option(help="File with the node's public key (JWK or PEM); none: a foreign Beacon.")
]
Dialect = Annotated[
    list[str] | None,
    typer.Option(
        help="How a foreign Beacon wants to be asked, as name=value: apiVersion=v2.0.0, paging=records, "
        "parameters=flat|list, contigs=chr|accession, verb=GET, anyOf=false."
    ),
]


@app.command()
def add(
    service: Service,
    *,
    url: Annotated[str, typer.Option(help="Base address of the Beacon.")],
    member: MemberId,
    country: Annotated[str, typer.Option(help="Two-letter country code.")],
    network: Networks,
    name: Annotated[str, typer.Option(help="Name for people; the id if not given.")] = "",
    organisation: Annotated[str, typer.Option(help="Who runs it.")] = "",
    organisation_url: WebPage = "",
    key: KeyFile = None,
    dialect: Dialect = None,
    config: ConfigOption = None,
) -> None:
    """Add a Beacon to the draft of the registry."""
    from opengdi.federation.registry import member_of

    spoken = _dialect(dialect or [])
    version = str(spoken.get("apiVersion", "v2.2.0")).removeprefix("v")
    described: dict[str, object] = {
        "id": service,
        "name": name or service,
        "url": url,
        "type": {"group": "org.ga4gh", "artifact": "beacon", "version": version},
        "version": version,
        "organization": {"name": organisation or name or service, "url": organisation_url or url},
        "gdi": {
            "member": member,
            "country": country,
            "networks": list(network),
            "dialect": spoken,
            "key": _public_key(key) if key else None,
        },
    }
    draft, _ = _open(config)
    draft.add(member_of(described))
    print(f"added {service}; `gdi registry sign` puts the change into force")


@app.command()
def remove(
    service: Annotated[str, typer.Argument(help="Id of the Beacon.")], config: ConfigOption = None
) -> None:
    """Take a Beacon out of the draft of the registry."""
    draft, _ = _open(config)
    draft.remove(service)
    print(f"removed {service}; `gdi registry sign` puts the change into force")


@app.command("list")
def list_members(config: ConfigOption = None) -> None:
    """List the Beacons of the draft."""
    draft, _ = _open(config)
    for member in draft.read().members:
        networks = ",".join(sorted(member.networks))
        print(
            f"{member.service}\t{member.country}\t{networks}\t{'signed' if member.key else 'foreign'}\t{member.url}"
        )


@app.command()
def sign(
    days: Annotated[
        int, typer.Option(min=1, max=3650, help="How long the signed registry is good for.")
    ] = 90,
    config: ConfigOption = None,
) -> None:
    """Sign the draft as the next version with the hub's key."""
    from opengdi.apps.networks import SIGNING_KEY, open_keys

    draft, settings = _open(config)
    registry = draft.sign(open_keys(settings.hub).signing_key(SIGNING_KEY), days)
    expires = registry.expires.date().isoformat()
    print(f"signed version {registry.version} with {len(registry.services)} services, good until {expires}")


@app.command()
def verify(config: ConfigOption = None) -> None:
    """Check the signed registry as the hub will. Leaves with an error if it would be refused."""
    registry = _checked(config)
    print(f"version {registry.version} by {registry.authority}: good until {registry.expires.isoformat()}")


@app.command()
def show(config: ConfigOption = None) -> None:
    """Print what the signed registry says, as JSON."""
    import json

    print(json.dumps(_checked(config).as_document(), indent=2))


def _open(config: Path | None) -> tuple[RegistryDraft, Settings]:
    from opengdi.apps.registry_draft import RegistryDraft
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.kernel.clock import SystemClock

    settings = load_settings_of("hub", config)
    return RegistryDraft(settings.hub.registry_file, settings.hub.id, SystemClock()), settings


def _checked(config: Path | None) -> Registry:
    from opengdi.apps.networks import registry_keys
    from opengdi.apps.settings_file import load_settings_of
    from opengdi.federation.registry import check_succession, open_signed
    from opengdi.kernel.clock import SystemClock
    from opengdi.kernel.errors import Invalid, NotFound
    from opengdi.standards.faults import Malformed, Unverified

    hub = load_settings_of("hub", config).hub
    try:
        registry = open_signed(hub.registry_file.read_text(), registry_keys(hub))
        check_succession(registry, None, now=SystemClock().now())
    except FileNotFoundError:
        raise NotFound(f"there is no {hub.registry_file}; `gdi registry sign` writes it") from None
    except OSError as error:
        raise Invalid(f"{hub.registry_file} does not open: {error.strerror}") from error
    except (UnicodeDecodeError, Malformed, Unverified) as error:
        raise Invalid(f"{hub.registry_file}: {error}") from error
    return registry


def _public_key(file: Path) -> dict[str, object]:
    from opengdi.kernel.keys import PublicKey

    return PublicKey.from_text(file.read_text()).as_jwk()


def _dialect(options: list[str]) -> dict[str, object]:
    from opengdi.kernel.errors import Invalid

    spoken: dict[str, object] = {}
    for option in options:
        name, given, value = option.partition("=")
        if not given:
            raise Invalid(f"--dialect {option!r} must be name=value, such as paging=records")
        spoken[name] = {"true": True, "false": False}.get(value, value)
    return spoken
