"""How soon after a hub's act three nodes refuse: real processes, a file at each node, a passport that opened it.

The act is written into the hub's database by this process, as a command of the hub would; the serving hub hears of
it, the nodes by their feeds. The figure is the slowest node of the slowest round.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from bench.files import encrypted, hand_in, sender_of
from opengdi.apps import hub as hub_app
from opengdi.apps.access_wire import open_hub_wire
from opengdi.apps.broker import open_hub_revocations
from opengdi.apps.settings_file import load_settings
from opengdi.identity.revocations.model import Kind
from opengdi.identity.revocations.service import Revocations
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.keys import SigningKey
from opengdi.standards.crypt4gh import parse_public_key
from opengdi.standards.passport import Claims, TokenKind, Visa, VisaObject, write_passport, write_visa
from opengdi.testing.identity import give_keys, program

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bench.__main__ import Figure

NODES = ("ee", "fi", "lu")
BAR_S = 5.0
BROKER, ISSUER = "https://broker.example.org", "https://issuer.example.org"
LOOK_S = 0.02
GDI = (sys.executable, "-c", "from opengdi.apps.cli import main; main()")


@dataclass(frozen=True)
class Node:
    """A serving node and the address of a file that a visa for its dataset opens."""

    name: str
    file: str

    @property
    def dataset(self) -> str:
        return f"GDI-{self.name.upper()}-BENCH-1"

    def asked(self, passport: str) -> int:
        headers = {"authorization": f"Bearer {passport}"}
        return httpx.get(self.file, headers=headers, trust_env=False, timeout=30).status_code


def figures(*, quick: bool) -> list[Figure]:
    """`identity.revocation`: seconds; the bar is 5."""
    with tempfile.TemporaryDirectory() as name, _federation(Path(name)) as (nodes, signer, hub):
        times = _times(nodes, signer, hub, rounds=2 if quick else 10)
    return [
        {
            "name": "identity.revocation",
            "value": max(times),
            "unit": "s",
            "peer": "bar",
            "peer_value": BAR_S,
            "ratio": max(times) / BAR_S,
        }
    ]


def _times(nodes: list[Node], signer: SigningKey, hub: Path, *, rounds: int) -> list[float]:
    with hub_app.open_state(load_settings(hub / "gdi.toml", {}), SystemClock(), writer="command") as state:
        revocations = open_hub_revocations(state, open_hub_wire(state, list))
        return [_round(nodes, signer, revocations, state.engine) for _ in range(rounds)]


def _round(nodes: list[Node], signer: SigningKey, revocations: Revocations, engine: Engine) -> float:
    """Seconds from the commit at the hub until the last node refuses a permit's visas."""
    permit = f"GDIP-{secrets.token_hex(5).upper()}"
    passport = _passport(signer, permit, [node.dataset for node in nodes])
    for node in nodes:
        if (status := node.asked(passport)) != httpx.codes.OK:
            raise RuntimeError(f"{node.name} answers {status} before anything was taken back")

    def refused(node: Node) -> float:
        while node.asked(passport) != httpx.codes.FORBIDDEN:
            time.sleep(LOOK_S)
        return time.perf_counter()

    with ThreadPoolExecutor(len(nodes)) as pool:
        began = time.perf_counter()
        with engine.begin() as connection:
            revocations.write(connection, Kind.PERMIT, permit=permit)
        return max(pool.map(refused, nodes)) - began


def _passport(signer: SigningKey, permit: str, datasets: list[str]) -> str:
    now = SystemClock().now().replace(microsecond=0)
    ends = now + timedelta(minutes=10)
    visas = [
        signer.sign(
            json.dumps(
                write_visa(
                    Visa(
                        Claims(ISSUER, "researcher", now, ends, f"{permit}.{number}"),
                        VisaObject(
                            "ControlledAccessGrants",
                            f"{ISSUER}/datasets/{dataset}",
                            "https://dac.example.org",
                            now,
                            "dac",
                        ),
                    )
                )
            ).encode(),
            purpose=TokenKind.VISA.value,
            jku=f"{ISSUER}/jwks",
        )
        for number, dataset in enumerate(datasets)
    ]
    passport = write_passport(Claims(BROKER, "researcher", now, ends, secrets.token_hex(8)), visas)
    return signer.sign(json.dumps(passport).encode(), purpose=TokenKind.PASSPORT.value)


@contextmanager
def _federation(root: Path) -> Iterator[tuple[list[Node], SigningKey, Path]]:
    """Three nodes with a file each, and a hub; whose passports and visas they believe; the hub's folder."""
    signer, hub = SigningKey.generate(), root / "hub"
    trusted = json.dumps(signer.public.as_jwk())
    hub.mkdir()
    ports = {name: _free_port() for name in ("hub", *NODES)}
    (hub / "gdi.toml").write_text(f'[hub]\nid = "eu.hub"\n[public]\nport = {ports["hub"]}\n')
    hub_key = _gdi("hub", "key", "--config", hub / "gdi.toml")
    with ExitStack() as stack:
        for name in NODES:
            _found(root / name, name, ports, hub_key, trusted)
            _register(hub, root / name, name, ports[name])
            stack.enter_context(_serving("node", root / name, root / name / "data"))
        _gdi("registry", "sign", "--config", hub / "gdi.toml")
        stack.enter_context(_serving("hub", hub, hub / "hub-data"))
        nodes = [Node(name, _archived(root / name, name, ports[name])) for name in NODES]
        yield nodes, signer, hub


def _found(home: Path, name: str, ports: dict[str, int], hub_key: str, trusted: str) -> None:
    home.mkdir()
    (home / "gdi.toml").write_text(f"""\
[node]
id = "{name}.node"
country = "{name.upper()}"
[public]
port = {ports[name]}
[[federation.hubs]]
id = "eu.hub"
url = "http://127.0.0.1:{ports["hub"]}"
public_keys = ['{hub_key}']
[[identity.passports.brokers]]
iss = "{BROKER}"
jku = "{BROKER}/jwks"
keys = ['{trusted}']
[[identity.passports.issuers]]
iss = "{ISSUER}"
jku = "{ISSUER}/jwks"
keys = ['{trusted}']
datasets = ["GDI-*"]
subjects_of = "{BROKER}"
means_every_version = true
""")
    give_keys(home / "gdi.toml", program("bench", "provider:clinic"))


def _register(hub: Path, home: Path, name: str, port: int) -> None:
    key = home / "node.jwk"
    key.write_text(_gdi("node", "key", "--config", home / "gdi.toml"))
    _gdi(
        "registry", "add", f"{name}.af", "--url", f"http://127.0.0.1:{port}/beacon/aggregated/v2",
        "--member", f"{name}.node", "--country", name.upper(), "--network", "aggregated", "--key", key,
        "--name", name, "--config", hub / "gdi.toml",
    )  # fmt: skip


def _archived(home: Path, name: str, port: int) -> str:
    """Address of a file that lies in the node's archive and belongs to its dataset."""
    url = f"http://127.0.0.1:{port}"
    with sender_of(url) as client:
        key = parse_public_key(client.get("/uploads/v1/key").raise_for_status().json()["publicKey"])
        file = hand_in(client, [encrypted(key)], "bench")[0]
    dataset = f"GDI-{name.upper()}-BENCH-1"
    _gdi("archive", "map", dataset, file, "--config", home / "gdi.toml")
    _gdi("archive", "release", dataset, "--config", home / "gdi.toml")
    return f"{url}/ga4gh/drs/v1/objects/{file}"


@contextmanager
def _serving(role: str, home: Path, data: Path) -> Iterator[None]:
    (data / "listening.json").unlink(missing_ok=True)
    environment = {"GDI_MANAGEMENT__PORT": "0", "GDI_LOG__LEVEL": "error"}
    command = [*GDI, role, "start", "--config", str(home / "gdi.toml")]
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        while not (data / "listening.json").exists():
            if process.poll() is not None:
                raise RuntimeError(f"the {role} in {home.name} ended with {process.returncode}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _gdi(*arguments: object) -> str:
    command = [*GDI, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
