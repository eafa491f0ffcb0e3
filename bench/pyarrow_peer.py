"""The design to compare with: a server that opens the Parquet file of the contig for every question and filters it.

    python -m bench.pyarrow_peer RELEASES_DIR PORT

It reads the very files that the node's index is built from, and answers with the same facts about each allele.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from bench.sites import POPULATIONS

COUNTS = ("allele_count", "allele_number", "hom", "het", "hemi")


def build(releases: Path) -> Starlette:
    folders = sorted(releases.glob("*/1/sites"))

    def g_variants(request: Request) -> JSONResponse:
        asked = request.query_params
        start, end = int(asked["start"]), int(asked.get("end", 0))
        place: list[tuple[str, str, Any]] = (
            [("start", "==", start)] if not end else [("start", ">=", start), ("start", "<", end)]
        )
        if "alternateBases" in asked:
            place += [("ref", "==", asked["referenceBases"]), ("alt", "==", asked["alternateBases"])]
        limit = int(asked.get("limit", 10))
        sets = []
        for folder in folders:
            rows = pq.read_table(folder / f"chr{asked['referenceName']}.parquet", filters=place)
            page = rows.slice(0, limit).to_pylist()
            sets.append(
                {"id": folder.parts[-3], "resultsCount": len(rows), "results": [_record(row) for row in page]}
            )
        return JSONResponse({"response": {"resultSets": sets}})

    return Starlette(routes=[Route("/g_variants", g_variants)])


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "variantInternalId": f"{row['contig']}:{row['start']}:{row['ref']}:{row['alt']}",
        "frequencies": [
            {"population": label, "alleleFrequency": row["allele_count"][place] / row["allele_number"][place]}
            | {name: row[name][place] for name in COUNTS}
            for place, label in enumerate(POPULATIONS)
        ],
    }


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="error", access_log=False)
