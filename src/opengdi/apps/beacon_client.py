"""Asks a Beacon, or a Beacon network, as any client would: a question as people write it in, plain rows out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from opengdi.kernel.errors import GdiError, Invalid, NotAuthenticated, NotPermitted, OverBudget, Unavailable

Json = dict[str, Any]

_ALLELE: Final = re.compile(
    r"(?P<contig>[\w.]+)-(?P<pos>\d+)-(?P<ref>[ACGTN]+)-(?P<alt>[ACGTN]+)\Z", re.IGNORECASE
)
_REGION: Final = re.compile(r"(?P<contig>[\w.]+):(?P<first>[\d,]+)-(?P<last>[\d,]+)\Z")
_GENE: Final = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,30}\Z")
_OPERATOR: Final = re.compile(r"(?P<id>[^<>=!]+)(?P<operator>>=|<=|[<>=!])(?P<value>.+)\Z")


def variant_parameters(text: str, assembly: str | None) -> Json:
    """Request parameters for `3-45823240-T-C`, `13:32315086-32400268`, an HGVS `g.` name or a gene symbol.

    Positions are written 1-based and inclusive, as people do, and sent 0-based and half-open.
    Raises Invalid with the four forms when the text is none of them.
    """
    scope = {"assemblyId": assembly} if assembly else {}
    if allele := _ALLELE.match(text):
        start = int(allele["pos"]) - 1
        bases = {"referenceBases": allele["ref"].upper(), "alternateBases": allele["alt"].upper()}
        return {"referenceName": allele["contig"], "start": [start], **bases, **scope}
    if region := _REGION.match(text):
        first, last = (int(region[name].replace(",", "")) for name in ("first", "last"))
        return {"referenceName": region["contig"], "start": [first - 1], "end": [last], **scope}
    if ":g." in text:
        return {"genomicAlleleShortForm": text, **scope}
    if _GENE.match(text):
        return {"geneId": text.upper(), **scope}
    raise Invalid(
        f"cannot read {text!r}: expected an allele 3-45823240-T-C, a region 13:32315086-32400268, "
        "an HGVS name NC_000003.12:g.45823240T>C or a gene symbol BRCA2"
    )


def read_filter(text: str) -> Json:
    """A filter written `NCIT:C16576` or `age>P60Y` as a Beacon filter object."""
    if compared := _OPERATOR.match(text):
        return {name: compared[name].strip() for name in ("id", "operator", "value")}
    return {"id": text.strip()}


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent to `/{path}`; `limit` counts records per dataset."""

    path: str
    parameters: Json | None = None
    filters: tuple[Json, ...] = ()
    granularity: str = "record"
    include: str = "HIT"
    datasets: tuple[str, ...] = ()
    skip: int = 0
    limit: int = 100

    def body(self) -> Json:
        """The request body in the specification's form."""
        query: Json = {
            "includeResultsetResponses": self.include,
            "pagination": {"skip": self.skip, "limit": self.limit},
            "requestedGranularity": self.granularity,
            "filters": list(self.filters),
        }
        if self.parameters is not None:
            query["requestParameters"] = {"g_variant": self.parameters}
        if self.datasets:
            query["datasets"] = list(self.datasets)
        return {"meta": {"apiVersion": "v2.2.0"}, "query": query}


class BeaconClient:
    """A Beacon or network by its base URL, for instance `http://127.0.0.1:8080/beacon-network/v2.0.0`."""

    def __init__(self, base_url: str, *, token: str | None = None, timeout_s: float = 30.0) -> None:
        if urlsplit(base_url).scheme not in {"http", "https"}:
            raise Invalid(f"--at {base_url!r} must be an http or https address")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._base = base_url.rstrip("/")
        self._http = httpx.Client(headers=headers, timeout=timeout_s, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.close()

    def ask(self, question: Question) -> Json:
        """The answer as JSON. Raises a kind of error that says what the Beacon said."""
        try:
            answer = self._http.post(f"{self._base}/{question.path}", json=question.body())
        except httpx.HTTPError as error:
            raise Unavailable(
                f"{self._base} does not answer ({error})",
                public=f"{self._base} does not answer; is it running?",
            ) from error
        return _checked(answer)


_KIND_BY_STATUS: Final[dict[int, type[GdiError]]] = {
    400: Invalid,
    401: NotAuthenticated,
    403: NotPermitted,
    429: OverBudget,
}


def _checked(answer: httpx.Response) -> Json:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if answer.is_success and isinstance(body, dict):
        return body
    said = _error_message(body) or answer.reason_phrase
    kind = _KIND_BY_STATUS.get(answer.status_code, Unavailable)
    raise kind(f"{answer.url} answered {answer.status_code}: {said}", public=f"The Beacon says: {said}")


def _error_message(body: object) -> str | None:
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    return error.get("errorMessage") if isinstance(error, dict) else body.get("detail")


def refused_datasets(answer: Json) -> dict[str, str]:
    """Why each dataset that refused did so: a node says it of its own, a network of the budget that it keeps."""
    info = answer.get("info") or {}
    spent = dict.fromkeys(info.get("budgetUsedUp") or [], "the budget at the network is used up")
    return {each["id"]: each.get("reason", "") for each in info.get("refusedDatasets") or []} | spent


@dataclass(frozen=True, slots=True)
class FrequencyRow:
    """One population of one allele in one dataset, as a table shows it. Counts are None where not told."""

    beacon: str
    dataset: str
    variant: str
    population: str
    allele_count: int | None
    allele_number: int | None
    frequency: float
    homozygous: int | None
    heterozygous: int | None
    hemizygous: int | None


def result_sets(answer: Json) -> list[Json]:
    """Result sets of an answer, none if it has only a summary."""
    return list((answer.get("response") or {}).get("resultSets") or [])


def frequency_rows(answer: Json) -> Iterator[FrequencyRow]:
    """Every population of every record, in the order of the answer."""
    for result_set in result_sets(answer):
        for record in result_set.get("results") or []:
            for block in record.get("frequencyInPopulations") or []:
                for cell in block.get("frequencies") or []:
                    yield _frequency_row(answer, result_set, record, cell)


def _frequency_row(answer: Json, result_set: Json, record: Json, cell: Json) -> FrequencyRow:
    return FrequencyRow(
        beacon=result_set.get("beaconId") or answer["meta"].get("beaconId", ""),
        dataset=result_set["id"],
        variant=record["variantInternalId"],
        population=cell["population"],
        allele_count=cell.get("alleleCount"),
        allele_number=cell.get("alleleNumber"),
        frequency=cell["alleleFrequency"],
        homozygous=cell.get("alleleCountHomozygous"),
        heterozygous=cell.get("alleleCountHeterozygous"),
        hemizygous=cell.get("alleleCountHemizygous"),
    )


@dataclass(frozen=True, slots=True)
class CountRow:
    """The count of one dataset as published: `precision` and `adjusted_to` say how exact it is."""

    beacon: str
    dataset: str
    exists: bool
    count: int | None
    precision: str
    adjusted_to: str


def count_rows(answer: Json) -> Iterator[CountRow]:
    """One row per dataset."""
    for result_set in result_sets(answer):
        yield CountRow(
            beacon=result_set.get("beaconId") or answer["meta"].get("beaconId", ""),
            dataset=result_set["id"],
            exists=bool(result_set["exists"]),
            count=result_set.get("resultsCount"),
            precision=result_set.get("countPrecision", ""),
            adjusted_to=" to ".join(str(bound) for bound in result_set.get("countAdjustedTo", [])),
        )


@dataclass(frozen=True, slots=True)
class MemberRow:
    """How one member of a network fared."""

    member: str
    country: str
    status: str
    latency_ms: float | None
    reason: str


def member_rows(answer: Json) -> Iterator[MemberRow]:
    """One row per member; nothing for a single Beacon."""
    for member in (answer.get("info") or {}).get("members") or []:
        yield MemberRow(
            member=member.get("id", ""),
            country=member.get("country") or "",
            status=member.get("status", ""),
            latency_ms=member.get("latencyMs"),
            reason=member.get("reason", ""),
        )
