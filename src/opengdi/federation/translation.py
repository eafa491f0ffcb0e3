"""A question in the dialect of the member that is asked; sans-IO.

Nothing is ever dropped to make a question fit: what a member cannot be asked is `Untranslatable`.

Spec: Beacon v2.2.0, framework `requests/`, "Pagination" and default model `requestParameters`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from opengdi.federation.model import ContigForm, Dialect, Json, Paging, ParameterForm, Verb
from opengdi.kernel.errors import Invalid
from opengdi.standards.beacon.entry_types import ENTRY_TYPES
from opengdi.standards.beacon.filtering import filter_text, parse_filters
from opengdi.standards.beacon.questions import (
    AlphanumericFilter,
    AnyOf,
    BeaconRequest,
    Filter,
    Include,
    Page,
    Similarity,
    VariantQuestion,
)
from opengdi.standards.beacon.variant_types import expand
from opengdi.standards.coordinates import accession
from opengdi.standards.faults import Malformed


class Untranslatable(Invalid):
    """A question that one member cannot be asked."""

    public = "The member cannot be asked this question."


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What to send, relative to the member's base URL. body is None for GET, query empty for POST."""

    verb: Verb
    path: str
    query: Mapping[str, str]
    body: Json | None

    @classmethod
    def get(cls, path: str, query: Mapping[str, str] | None = None) -> Self:
        """A plain GET of something the member publishes."""
        return cls(Verb.GET, path, query or {}, None)


def translate(request: BeaconRequest, dialect: Dialect) -> Outgoing:
    """The question as one member wants it. Raises Untranslatable.

    Members are always asked for misses too: a strict node's miss outweighs a lenient node's hit for the same dataset,
    and budgets are spent on both alike (decision 0011). What the answer lists is decided by the hub, after the merge.
    """
    parameters = _parameters(request, dialect)
    if dialect.verb is Verb.GET:
        return Outgoing(Verb.GET, path_of(request), _get_query(request, dialect, parameters), None)
    return Outgoing(Verb.POST, path_of(request), {}, _post_body(request, dialect, parameters))


def path_of(request: BeaconRequest) -> str:
    """Path below the base URL, such as `/datasets/{id}/g_variants`, ids percent-encoded."""
    path = f"/{ENTRY_TYPES[request.entry_type].path}"
    if request.parent is not None:
        kind, identifier = request.parent
        path = f"/{ENTRY_TYPES[kind].path}/{quote(identifier, safe='')}{path}"
    return path if request.entry_id is None else f"{path}/{quote(request.entry_id, safe='')}"


def page_asked(page: Page, paging: Paging) -> Page:
    """The page in the member's own counting."""
    return Page(page.skip * page.limit, page.limit) if paging is Paging.RECORDS else page


def filter_document(item: Filter) -> object:
    """A filter as an object, or a list of them where one of several must hold."""
    if isinstance(item, AnyOf):
        return [filter_document(inner) for inner in item.filters]
    document: Json = {"id": item.id}
    if isinstance(item, AlphanumericFilter):
        document |= {"operator": item.operator.value, "value": item.value}
    else:
        if not item.include_descendants:
            document["includeDescendantTerms"] = False
        if item.similarity is not Similarity.EXACT:
            document["similarity"] = item.similarity.value
    if item.scope is not None:
        document["scope"] = item.scope.value
    return document


def _post_body(request: BeaconRequest, dialect: Dialect, parameters: Json) -> Json:
    page = page_asked(request.page, dialect.paging)
    query: Json = {
        "filters": [filter_document(item) for item in _understood(request.filters, dialect)],
        "includeResultsetResponses": Include.ALL.value,
        "pagination": {"skip": page.skip, "limit": page.limit},
        "requestedGranularity": _granularity(request),
        "testMode": request.test_mode,
    }
    if parameters:
        query["requestParameters"] = _shaped(parameters, dialect.parameters)
    if request.datasets is not None:
        query["datasetIds"] = sorted(request.datasets)
    schemas = list(request.requested_schemas)
    return {"meta": {"apiVersion": dialect.api_version, "requestedSchemas": schemas}, "query": query}


def _get_query(request: BeaconRequest, dialect: Dialect, parameters: Json) -> dict[str, str]:
    page = page_asked(request.page, dialect.paging)
    query = {name: _text(value) for name, value in parameters.items()} | {
        "requestedGranularity": _granularity(request),
        "includeResultsetResponses": Include.ALL.value,
        "skip": str(page.skip),
        "limit": str(page.limit),
    }
    if request.filters:
        query["filters"] = ",".join(_get_filter(item) for item in request.filters)
    if request.datasets is not None:
        query["datasetIds"] = _get_list(request.datasets)
    if request.requested_schemas:
        query["requestedSchema"] = _get_list(
            each["schema"] for each in request.requested_schemas if "schema" in each
        )
    if request.test_mode:
        query["testMode"] = "true"
    return query


def _get_list(items: Iterable[str]) -> str:
    listed = sorted(items)
    if any("," in item for item in listed):
        raise Untranslatable("what has a comma in it cannot be listed by GET")
    return ",".join(listed)


def _granularity(request: BeaconRequest) -> str:
    if request.granularity is None:
        raise Invalid("the granularity must be settled before members are asked")
    return request.granularity.name.lower()


def _understood(filters: Iterable[Filter], dialect: Dialect) -> Iterable[Filter]:
    for item in filters:
        if isinstance(item, AnyOf) and not dialect.any_of:
            raise Untranslatable("this member does not understand alternatives among filters")
        yield item


def _get_filter(item: Filter) -> str:
    """The filter as text. Raises Untranslatable if it would be read as anything else, such as without its scope."""
    text = filter_text(item)
    if not _is_read_as(text, item):
        raise Untranslatable(f"filter {text!r} cannot be asked by GET with all that it says")
    return text


def _is_read_as(text: str, item: Filter) -> bool:
    try:
        return parse_filters(text) == (item,)
    except Malformed:
        return False


def _shaped(parameters: Json, form: ParameterForm) -> object:
    match form:
        case ParameterForm.G_VARIANT:
            return {"g_variant": parameters}
        case ParameterForm.LIST:
            return [parameters]
        case ParameterForm.FLAT:
            return parameters


def _parameters(request: BeaconRequest, dialect: Dialect) -> Json:
    """The parameters as asked, with positions and sequence names in the member's form."""
    question = request.variant
    if question is None:
        return {}
    asked = request.echo_parameters.get("g_variant", request.echo_parameters)
    parameters: Json = dict(asked) if isinstance(asked, Mapping) else {}
    if parameters.pop("genomicAlleleShortForm", None) is not None:
        parameters |= _spelt(question)
    if question.start:
        parameters["start"] = list(question.start)
    if question.end:
        parameters["end"] = list(question.end)
    if question.contig is not None:
        parameters["referenceName"] = _contig_name(question, dialect.contigs)
    if question.assembly is not None:
        parameters["assemblyId"] = question.assembly.name
    return parameters


def _spelt(question: VariantQuestion) -> Json:
    """What a name in short form tells besides the place, in parameters that every Beacon knows.

    Beside a place the name itself would be refused, and by itself it would not be in the member's form.
    """
    types = (name for name in ("DEL", "DUP", "INV") if expand(name) == question.variant_types)
    told = {
        "referenceBases": question.reference_bases,
        "alternateBases": question.alternate_bases,
        "variantType": next(types, None),
    }
    return {name: value for name, value in told.items() if value is not None}


def _contig_name(question: VariantQuestion, form: ContigForm) -> str:
    contig = question.contig
    assert contig is not None
    if form is ContigForm.CHR:
        return "chrM" if contig == "MT" else f"chr{contig}"
    if form is ContigForm.NAME:
        return contig
    if question.assembly is None:
        raise Untranslatable("this member names sequences by accession: assemblyId is needed")
    return f"refseq:{accession(contig, question.assembly)}"


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    return str(value)
