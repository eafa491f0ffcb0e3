"""Two real nodes and a hub, as processes, with data of their own: loaded, published, registered and signed.

EE and FI each hold 60 people of their own. A third dataset lies at both nodes, at EE under a floor of 5 alleles and at
FI under one of 20.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.system.serving import Serving, serving, typed

from opengdi.testing.identity import give_keys, key_token, program

PEOPLE = 60
PERSON, CRAWLER = key_token("researcher"), key_token("crawler")
"""Keys at the hub; the second one of somebody who asks so much that the budget is soon used up."""
OF_NODE = {country: key_token(f"at-{country}") for country in ("ee", "fi")}
"""Keys at the nodes of a program that asks them without the hub."""
NETWORK = "/beacon-network/v2.0.0"
SHARED = "GDI-EU-SHARED-1"
COMMON, RARE, FINNISH = 45864731, 45864800, 45864900
"""0-based positions on chromosome 3: carried in all, by ten people of the shared dataset, in Finland only."""

CARRIERS: Mapping[str, Mapping[int, int]] = {
    "GDI-EE-OWN-1": {COMMON: 30},
    "GDI-FI-OWN-1": {COMMON: 24, FINNISH: 40},
    SHARED: {COMMON: 36, RARE: 10},
}
"""Heterozygous people by dataset and position."""


@dataclass(frozen=True)
class Federation:
    """The running processes."""

    nodes: Mapping[str, Serving]
    hub: Serving

    def ask(self, path: str, *, token: str | None = None, **query: object) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.post(
            f"{self.hub.public}{NETWORK}/{path}", json={"query": query}, headers=headers, timeout=20
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


def at(position: int) -> dict[str, object]:
    return {
        "referenceName": "3", "start": [position], "referenceBases": "T", "alternateBases": "C", "assemblyId": "GRCh38",
    }  # fmt: skip


def write_release(folder: Path, dataset: str, country: str, floor: int) -> Path:
    folder.mkdir(parents=True)
    samples = [f"{dataset}-{number}" for number in range(PEOPLE)]
    lines = ["##fileformat=VCFv4.3", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines.append(
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    )
    for position, carriers in sorted(CARRIERS[dataset].items()):
        genotypes = ["0/1" if number < carriers else "0/0" for number in range(PEOPLE)]
        lines.append("\t".join(["3", str(position + 1), ".", "T", "C", ".", "PASS", ".", "GT", *genotypes]))
    (folder / "chr3.vcf").write_text("\n".join(lines) + "\n")
    people = [
        {"id": name, "sex": {"id": "NCIT:C16576" if place % 2 else "NCIT:C20197", "label": "x"}}
        for place, name in enumerate(samples)
    ]
    (folder / "individuals.json").write_text(json.dumps(people))
    (folder / "release.toml").write_text(
        f'[dataset]\nid = "{dataset}"\nversion = "1"\ntitle = "T"\ncountry = "{country}"\nassembly = "GRCh38"\n'
        'synthetic = true\n[variants]\nfiles = ["chr3.vcf"]\n[subjects]\nindividuals = "individuals.json"\n'
        f"[disclosure]\nk_alleles = {floor}\nk_individuals = 5\n"
    )
    return folder / "release.toml"


def found_node(home: Path, country: str, hub_key: str) -> None:
    (home / "gdi.toml").write_text(
        f'[node]\nid = "{country}.node"\ncountry = "{country.upper()}"\nname = "Node {country}"\n'
        f"[disclosure]\nk_alleles = 5\nk_individuals = 5\n"
        f'[[federation.hubs]]\nid = "eu.hub"\nurl = "http://127.0.0.1:9"\npublic_keys = [\'{hub_key}\']\n'
    )
    give_keys(home / "gdi.toml", program(f"at-{country}", registered=True))
    for dataset, floor in ((f"GDI-{country.upper()}-OWN-1", 5), (SHARED, 5 if country == "ee" else 20)):
        release = write_release(home / "incoming" / dataset, dataset, country.upper(), floor)
        typed("dataset", "load", release, "--workers", "1", "--config", home / "gdi.toml")
        typed("dataset", "publish", dataset, "--config", home / "gdi.toml")


def register(home: Path, country: str, node: Serving) -> None:
    key = home / f"{country}.jwk"
    key.write_text(typed("node", "key", "--config", home.parent / country / "gdi.toml"))
    for kind, word in (("aggregated", "af"), ("individuals", "sl")):
        typed(
            "registry", "add", f"{country}.{word}", "--url", f"{node.public}/beacon/{kind}/v2",
            "--member", f"{country}.node", "--country", country.upper(), "--network", kind, "--key", key,
            "--name", f"Node {country}", "--config", home / "gdi.toml",
        )  # fmt: skip


@contextmanager
def two_nodes_and_a_hub(root: Path, **variables: str) -> Iterator[Federation]:
    """The federation in `root`, until the block ends; `variables` are in the environment of the hub."""
    homes = {name: root / name for name in ("ee", "fi", "hub")}
    for home in homes.values():
        home.mkdir()
    (homes["hub"] / "gdi.toml").write_text('[hub]\nid = "eu.hub"\nname = "Hub"\n')
    people = (program(name, registered=True) for name in ("researcher", "crawler"))
    give_keys(homes["hub"] / "gdi.toml", *people)
    hub_key = typed("hub", "key", "--config", homes["hub"] / "gdi.toml").strip()
    with ExitStack() as stack:
        nodes = {}
        for country in ("ee", "fi"):
            found_node(homes[country], country, hub_key)
            nodes[country] = stack.enter_context(
                serving("node", homes[country] / "gdi.toml", homes[country] / "data")
            )
            register(homes["hub"], country, nodes[country])
        typed("registry", "sign", "--config", homes["hub"] / "gdi.toml")
        typed("registry", "verify", "--config", homes["hub"] / "gdi.toml")
        hub = stack.enter_context(
            serving("hub", homes["hub"] / "gdi.toml", homes["hub"] / "hub-data", **variables)
        )
        yield Federation(nodes, hub)
