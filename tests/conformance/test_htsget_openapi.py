"""Answers of htsget against the published OpenAPI file, in every variety; wrong ones are noticed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.openapi_files import OpenApiFile
from tests.htsget_kit import ADA, ENCRYPTED, EVE, KEY, Delivering, ask
from tests.indexed_files import na12878, synthetic_variants

WINDOW = {"referenceName": "11", "start": 5_015_000, "end": 5_050_000}
ASKED: list[tuple[str, str | None, dict[str, Any], int]] = [
    ("reads/bam", ADA, {}, 200),
    ("reads/bam", ADA, WINDOW, 200),
    ("reads/bam", ADA, {"class": "header"}, 200),
    ("reads/bam", ADA, {"body": {"regions": [WINDOW]}}, 200),
    ("reads/bam", ADA, {**WINDOW, **ENCRYPTED}, 200),
    ("reads/bam", ADA, {**WINDOW, **ENCRYPTED, "encryptionMode": "B"}, 200),
    ("reads/bam", ADA, {**WINDOW, **ENCRYPTED, "encryptionMode": "C"}, 200),
    ("reads/cram", ADA, WINDOW, 200),
    ("reads/cram", ADA, {"referenceName": "*"}, 200),
    ("variants/vcf", ADA, {"referenceName": "1", "start": 1, "end": 1000}, 200),
    ("variants/vcf", ADA, {"class": "header"}, 200),
    ("variants/vcf", ADA, {"body": {}}, 200),
    ("reads/service-info", None, {}, 200),
    ("variants/service-info", None, {}, 200),
    ("reads/bam", None, {}, 401),
    ("reads/bam", EVE, {}, 403),
    ("variants/vcf", EVE, {"body": {}}, 403),
    ("reads/bam", ADA, {"referenceName": "nothing"}, 404),
    ("reads/bam.csi", ADA, {}, 404),
    ("reads/bam", ADA, {"start": 1}, 400),
    ("reads/bam", ADA, {"format": "VCF"}, 400),
    ("variants/vcf", ADA, {"body": {"regions": []}}, 400),
]


@pytest.fixture(scope="module")
def htsget(shared: Path) -> OpenApiFile:
    """Its answer 400 is `oneOf` three schemas that all fit every error, which nothing can obey: read as `anyOf`."""
    file = OpenApiFile(shared / "conformance" / "openapi" / "htsget-openapi.yaml")
    for kind in file.document["components"]["responses"]["400BadRequestResponse"]["content"].values():
        kind["schema"] = {"anyOf": kind["schema"].pop("oneOf")}
    return file


@pytest.fixture(scope="module")
def node(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Delivering:
    node = Delivering()
    for name, file in {
        "bam": na12878(shared, "BAM"),
        "cram": na12878(shared, "CRAM"),
        "vcf": synthetic_variants(tmp_path_factory.mktemp("vcf"), "VCF"),
    }.items():
        node.files.hold(name, file.data, file_format=file.format, index=file.index)
    return node


def template_of(path: str) -> str:
    kind, _, file_id = path.partition("/")
    return f"/{kind}/{file_id if file_id == 'service-info' else '{id}'}"


@pytest.mark.parametrize(("path", "token", "asked", "status"), ASKED)
async def test_an_answer_obeys_the_specification(
    htsget: OpenApiFile, node: Delivering, path: str, token: str | None, asked: dict[str, Any], status: int
) -> None:
    async with node.client(token) as client:
        answer = await ask(client, path, headers=KEY, **asked)
    assert answer.status_code == status, answer.text
    method = "POST" if "body" in asked else "GET"
    assert htsget.problems(method, template_of(path), status, answer.json()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told.pop("htsget"),
        lambda told: told["htsget"].pop("format"),
        lambda told: told["htsget"].update(format="VCF"),
        lambda told: told["htsget"].pop("urls"),
        lambda told: told["htsget"]["urls"][0].pop("url"),
        lambda told: told["htsget"]["urls"][0].update({"class": "end"}),
    ],
)
async def test_a_wrong_ticket_would_be_noticed(htsget: OpenApiFile, node: Delivering, spoil: Any) -> None:
    async with node.client() as client:
        told = copy.deepcopy((await ask(client, "reads/bam", **WINDOW)).json())
    spoil(told)
    assert htsget.problems("GET", "/reads/{id}", 200, told)
