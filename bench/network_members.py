"""A process that stands for many members: one listener each, signed answers, some of them late. For `bench.network`.

`python -m bench.network_members '{"hub_key": {…}, "healthy": 23, "late": 2, "late_s": 12}'` prints one line of JSON:
the members with port and public key; then it serves until it is killed.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from opengdi.kernel.clock import SystemClock
from opengdi.kernel.http.peer_gate import PeerGate
from opengdi.kernel.keys import PublicKey, SigningKey
from opengdi.kernel.peers import AnswerSigner, PeerVerifier
from opengdi.standards.beacon.dataset_info import DatasetInfo

POPULATIONS = ("Total", "F", "M", "NFE", "FIN", "AFR", "EAS", "SAS")
PLACE = {
    "referenceName": "3", "start": [45864731], "referenceBases": "T", "alternateBases": "C", "assemblyId": "GRCh38",
}  # fmt: skip
HUB = "eu.bench.hub"


class Member:
    """Answers every POST with one allele of eight populations; everything else with 404."""

    def __init__(self, name: str, number: int, late_s: float) -> None:
        self._body = msgspec.json.encode(_answer(name, 400 + number))
        self._late_s = late_s

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        known = scope["method"] == "POST"
        if known and self._late_s:
            await asyncio.sleep(self._late_s)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200 if known else 404, "headers": headers})
        await send({"type": "http.response.body", "body": self._body if known else b"{}"})


def _answer(name: str, count: int) -> dict[str, Any]:
    info = DatasetInfo("1", f"sha256:{name}", "GRCh38", 2500, 10, 10, 5)
    cells = [
        {
            "population": population,
            "alleleFrequency": count / 5000,
            "alleleCount": count,
            "alleleNumber": 5000,
            "alleleCountHomozygous": 20,
            "alleleCountHeterozygous": count - 40,
            "alleleCountHemizygous": 0,
        }
        for population in POPULATIONS
    ]
    start = 45864731
    record = {
        "variantInternalId": f"GRCh38:3:{start + 1}:T:C",
        "identifiers": {"genomicHGVSId": f"NC_000003.12:g.{start + 1}T>C"},
        "variation": {
            "variantType": "SNP",
            "referenceBases": "T",
            "alternateBases": "C",
            "location": {
                "type": "SequenceLocation",
                "sequence_id": f"HGVSid:3:g.{start + 1}T>C",
                "interval": {
                    "type": "SequenceInterval",
                    "start": {"type": "Number", "value": start},
                    "end": {"type": "Number", "value": start + 1},
                },
            },
        },
        "frequencyInPopulations": [
            {"source": "bench", "sourceReference": "https://example.org", "frequencies": cells}
        ],
    }
    result_set = {
        "id": f"GDI-{name.upper()}",
        "setType": "dataset",
        "exists": True,
        "resultsCount": 1,
        "countPrecision": "exact",
        "results": [record],
        "info": info.as_document(),
    }
    return {
        "meta": {
            "beaconId": name,
            "apiVersion": "v2.2.0",
            "returnedGranularity": "record",
            "returnedSchemas": [],
        },
        "responseSummary": {"exists": True, "numTotalResults": 1},
        "response": {"resultSets": [result_set]},
    }


def gated(name: str, member: ASGIApp, key: SigningKey, hub_key: PublicKey) -> ASGIApp:
    """The member behind the gate that a node has."""
    clock = SystemClock()
    verifier = PeerVerifier({HUB: [hub_key]}, name, clock)
    return PeerGate(member, verifier, AnswerSigner(name, key, clock), lambda _reason: None)


def main(options: Mapping[str, Any]) -> None:
    hub_key = PublicKey.from_jwk(options["hub_key"])
    sockets, apps, told = [], {}, []
    for number in range(options["healthy"] + options["late"]):
        is_late = number >= options["healthy"]
        name, key = f"m{number:02}", SigningKey.generate()
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        port = listening.getsockname()[1]
        member = Member(name, number, options["late_s"] if is_late else 0)
        apps[port] = gated(name, member, key, hub_key)
        sockets.append(listening)
        told.append({"name": name, "port": port, "late": is_late, "key": key.public.as_jwk()})

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await apps[scope["server"][1]](scope, receive, send)

    print(json.dumps(told), flush=True)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", http="httptools"
    )
    uvloop.run(uvicorn.Server(config).serve(sockets=sockets))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
