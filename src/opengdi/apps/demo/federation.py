"""Three nodes and a hub on this machine: their folders, settings and keys, and the processes that serve them."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import httpx

from opengdi.apps.demo.cohorts import Country
from opengdi.apps.demo.command import gdi
from opengdi.apps.demo.genomes import REGIONS
from opengdi.apps.demo.ports import Ports
from opengdi.apps.disk import make_private_folder, write_private
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Unavailable

GDI: Final = (sys.executable, "-c", "from opengdi.apps.cli import main; main()")
HUB_ID: Final = "eu.gdi.demo.hub"
READY_S: Final = 60.0
STOP_S: Final = 20.0
_CLOCK: Final = SystemClock()
_AGGREGATED: Final = "/beacon/aggregated/v2"
_INDIVIDUALS: Final = "/beacon/individuals/v2"


@dataclass(frozen=True, slots=True)
class Site:
    """A node or the hub in its folder; `port` is the public one."""

    role: str
    id: str
    name: str
    folder: Path
    port: int
    management_port: int

    @property
    def config(self) -> Path:
        return self.folder / "gdi.toml"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.role}.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ready_url(self) -> str:
        return f"http://127.0.0.1:{self.management_port}/health/ready"

    def gdi(self, *arguments: str) -> str:
        """What `gdi ARGUMENTS --config …` printed. Raises as `gdi`."""
        return gdi(*arguments, "--config", str(self.config))


@dataclass
class Federation:
    """The demo's nodes by country code, and its hub. Use as a context: leaving it ends the processes.

    portal_key: of a program that may ask the subject-level network; provider_keys: by country, of those that submit.
    """

    nodes: dict[str, Site]
    hub: Site
    portal_key: str
    provider_keys: Mapping[str, str]
    ports: Ports
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _logs: ExitStack = field(default_factory=ExitStack)

    @property
    def network(self) -> str:
        return f"{self.hub.url}/beacon-network/v2.0.0"

    @property
    def sites(self) -> Sequence[Site]:
        return (*self.nodes.values(), self.hub)

    def start(self) -> None:
        """Start every process. Raises Unavailable, naming the log, if one is not ready in time."""
        for site in self.sites:
            self._launch(site)
        for site in self.sites:
            self._wait_until_ready(site)

    def start_one(self, site: Site) -> None:
        """Start one process again. Raises as `start`."""
        self._launch(site)
        self._wait_until_ready(site)

    def stop_one(self, site: Site) -> None:
        """Ask one process to end, and wait for it."""
        self._processes[site.id].send_signal(signal.SIGTERM)
        self._processes.pop(site.id).wait(STOP_S)

    def wait(self) -> None:
        """Until one of the processes ends."""
        while all(process.poll() is None for process in self._processes.values()):
            time.sleep(0.5)

    def stop(self) -> None:
        """Ask each process to end, hub first; kill those that do not within a while."""
        for process in reversed(self._processes.values()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        self._logs.close()
        self.ports.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _launch(self, site: Site) -> None:
        command = [*GDI, site.role, "start", "--config", str(site.config)]
        log = self._logs.enter_context(site.log.open("ab"))
        self._processes[site.id] = subprocess.Popen(command, stdout=log, stderr=log)

    def _wait_until_ready(self, site: Site) -> None:
        process, deadline = self._processes[site.id], _CLOCK.monotonic() + READY_S
        while _CLOCK.monotonic() < deadline:
            if process.poll() is not None:
                raise Unavailable(f"{site.name} ended with {process.returncode}; see {site.log}")
            try:
                if httpx.get(site.ready_url).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise Unavailable(f"{site.name} is not ready after {READY_S:.0f} s; see {site.log}")


def found_federation(folder: Path, countries: Sequence[Country]) -> Federation:
    """Folders, settings and keys for one node per country and the hub, and the hub's signed registry.

    Each node pins the hub's key and the registry pins each node's.
    """
    claimed = Ports()
    portal, ports = claimed.portal(), iter(claimed.others(2 * len(countries) + 1))
    hub = Site("hub", HUB_ID, "Demo hub", folder / "hub", portal, next(ports))
    nodes = {
        country.code: Site(
            "node",
            f"{country.code.lower()}.gdi.demo.node",
            f"{country.name} (demo)",
            folder / country.code,
            next(ports),
            next(ports),
        )
        for country in countries
    }
    _write_hub(hub)
    hub_key = hub.gdi("hub", "key").strip()
    provider_keys: dict[str, str] = {}
    members: list[_MemberOfHub] = []
    for country in countries:
        node, secret = nodes[country.code], secrets.token_urlsafe(24)
        _write_node(node, country, hub, hub_key, secret)
        duty = f"provider:{country.institute.lower()}"
        provider_keys[country.code] = node.gdi("key", "new", "submissions", "--duty", duty).strip()
        body = f"{country.code.lower()}.dac"
        members.append(_MemberOfHub(node, secret, body, node.gdi("case", "key", body).strip()))
        _register(hub, node, country.code)
    _write_hub(hub, members)
    hub.gdi("registry", "sign")
    portal_key = hub.gdi("key", "new", "portal", "--registered").strip()
    return Federation(nodes, hub, portal_key, provider_keys, claimed)


@dataclass(frozen=True, slots=True)
class _MemberOfHub:
    """What the hub must know of a node: its secret as a client of the broker, its deciding body and that one's key."""

    node: Site
    secret: str
    body: str
    body_key: str


def _register(hub: Site, node: Site, country: str) -> None:
    key_file = node.folder / "node.public.json"
    key_file.write_text(node.gdi("node", "key"))
    for path, network in ((_AGGREGATED, "aggregated"), (_INDIVIDUALS, "individuals")):
        facts = {
            "--url": f"{node.url}{path}",
            "--member": node.id,
            "--country": country,
            "--network": network,
            "--name": node.name,
            "--key": str(key_file),
        }
        options = [word for option in facts.items() for word in option]
        hub.gdi("registry", "add", f"{node.id}.{network}", *options)


def _write_hub(hub: Site, members: Sequence[_MemberOfHub] = ()) -> None:
    _write(
        hub,
        f"""\
[hub]
id = {_text(hub.id)}
name = {_text(hub.name)}
environment = "dev"
refresh_s = 10
organisation = {{ id = "eu.gdi.demo", name = "OpenGDI demo" }}

[identity.development]
enabled = true

[identity.broker]
enabled = true

[requests.onboarding]
registered_access_document = "user-terms"

{"".join(map(_member_at_hub, members))}
""",
    )


def _member_at_hub(member: _MemberOfHub) -> str:
    node = member.node
    return f"""\
[[identity.broker.nodes]]
id = {_text(node.id)}
url = {_text(node.url)}

[[identity.broker.clients]]
id = {_text(node.id)}
name = {_text(node.name)}
secret = {_text(member.secret)}
redirect_uris = [{_text(f"{node.url}/login/callback")}]
scopes = ["openid", "profile", "email"]

[[requests.bodies]]
id = {_text(member.body)}
node = {_text(node.id)}
public_keys = [{_text(member.body_key)}]

"""


def _write_node(node: Site, country: Country, hub: Site, hub_key: str, secret: str) -> None:
    gene_table = _write_genes(node.folder)
    body = f"{country.code.lower()}.dac"
    _write(
        node,
        f"""\
[node]
id = {_text(node.id)}
name = {_text(node.name)}
country = "{country.code}"
environment = "dev"
organisation = {{ id = {_text(node.id.removesuffix(".node"))}, name = {_text(node.name)} }}

[beacon]
genes = {{ GRCh38 = {_text(str(gene_table))} }}

[[federation.hubs]]
id = {_text(hub.id)}
url = {_text(hub.url)}
public_keys = [{_text(hub_key)}]

[identity.login]
issuer = {_text(f"{hub.url}/oidc")}
client_id = {_text(node.id)}
client_secret = {_text(secret)}

[identity.visas]
brokers = [{_text(hub.id)}]

[[identity.brokers]]
issuer = {_text(f"{hub.url}/oidc")}

[[requests.bodies]]
id = {_text(body)}
name = {_text(f"Data access committee of {country.name}")}
url = {_text(f"https://dac.{country.code.lower()}.example.org")}
mail = {_text(f"dac@{country.code.lower()}.example.org")}
country = "{country.code}"

[[requests.conditions]]
dataset = {_text(country.dataset)}
body = {_text(body)}
duo = ["DUO:0000006", "DUO:0000045"]
""",
    )


def _write_genes(folder: Path) -> Path:
    """A gene table of the demo's regions, as `beacon.genes` reads it."""
    make_private_folder(folder)
    table = folder / "genes.grch38.tsv"
    rows = [f"{region.name}\t{region.contig}\t{region.start}\t{region.end}\n" for region in REGIONS]
    table.write_text("".join(("gene_symbol\tchrom\tstart\tend\n", *rows)))
    return table


def _write(site: Site, sections: str) -> None:
    make_private_folder(site.folder)
    listeners = f"""
[public]
port = {site.port}

[management]
port = {site.management_port}

[log]
level = "warning"
"""
    write_private(site.config, sections + listeners)


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are TOML's too."""
    return json.dumps(value)
