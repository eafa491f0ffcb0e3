"""The official Beacon v2.2.0 and VRS 1.3 schemas, pinned by checksum, as validators; nothing is fetched.

Method: the reference's section on offline validation. The schemas carry no `$id`, so they are registered under the
address by which they name each other; VRS is an older draft.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7, DRAFT202012

_MAIN: Final = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/main/"
_VRS: Final = "https://w3id.org/ga4gh/schema/vrs/1.3/vrs.json"
_PINS: Final = {
    "beacon-v2.2.0-schemas.tar.gz": "b65ecfd3451a076ff24543b4158d4086d627d5976ea2862fdabd204a20a0e1a3",
    "vrs-1.3.json": "f34241a13f6cb734685cacd899614f19b46e107397d10515f264e10361bd4515",
}
_MODEL: Final = "models/json/beacon-v2-default-model"
ENTITIES: Final = {
    "analysis": "analyses",
    "biosample": "biosamples",
    "cohort": "cohorts",
    "dataset": "datasets",
    "genomicVariant": "genomicVariations",
    "individual": "individuals",
    "run": "runs",
}


class OfficialSchemas:
    """Validators by the path of a schema in the specification's repository."""

    def __init__(self, shared: Path) -> None:
        folder = shared / "conformance" / "beacon"
        for name, pin in _PINS.items():
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            assert found == pin, f"{name} is not the pinned file"
        resources = [(_VRS, DRAFT7.create_resource(json.loads((folder / "vrs-1.3.json").read_bytes())))]
        with tarfile.open(folder / "beacon-v2.2.0-schemas.tar.gz") as archive:
            resources += [resource for member in archive if (resource := _resource(archive, member))]
        self._registry: Registry[Any] = Registry().with_resources(resources)
        self.validator = cache(self._validator)

    def _validator(self, path: str) -> Draft202012Validator:
        reference = {"$ref": path if path.startswith("https:") else _MAIN + path}
        return Draft202012Validator(reference, registry=self._registry, format_checker=FormatChecker())

    def problems(self, path: str, document: object) -> list[str]:
        """What is wrong with a document, by its place; empty if nothing is."""
        return [
            f"{error.json_path}: {error.message[:300]}"
            for error in self.validator(path).iter_errors(document)
        ]

    def response_problems(self, kind: str, document: object) -> list[str]:
        """For a body; kind: `Resultsets`, `Collections`, `Boolean`, `Count`, `Error`, `Info`, `Map`, …"""
        return self.problems(f"framework/json/responses/beacon{kind}Response.json", document)

    def item_problems(self, entry_type: str, item: object) -> list[str]:
        """For one record of `results` or `collections`: the envelope says nothing about it."""
        return self.problems(f"{_MODEL}/{ENTITIES[entry_type]}/defaultSchema.json", item)


def _resource(archive: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, Resource[Any]] | None:
    path = member.name.removeprefix("./")
    if (
        not path.endswith(".json")
        or "example" in path.lower()
        or not path.startswith(("framework/json", "models/json"))
    ):
        return None
    file = archive.extractfile(member)
    assert file is not None
    return _MAIN + path, DRAFT202012.create_resource(json.load(file))


def data_kind(document: dict[str, Any], granularity: str) -> str:
    """Which response schema an answer of this granularity must obey."""
    if "collections" in document.get("response", {}):
        return "Collections"
    return {"boolean": "Boolean", "count": "Count", "record": "Resultsets"}[granularity]
