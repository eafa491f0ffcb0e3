"""How a ControlledAccessGrants visa names a dataset: `{issuer}/datasets/{id}#version={version}`.

`&regions=…` for a part of it, as in samtools, 1-based with both ends in: `22:1001-2000,X:5-9`; inside 0-based, half
open.
What is narrower than the dataset stands in the fragment: to whom that says nothing, the value is the dataset's URL.
Spec: GA4GH Passport 1.2.1, "ControlledAccessGrants" (a URL that the issuer chooses; this form is ours).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import dataset_id
from opengdi.standards.coordinates import Interval, parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.passport.terms import LONGEST_URL

_VERSION: Final = "version="
_REGIONS: Final = "regions="
_REGION: Final = re.compile(r"([A-Za-z0-9_.]{1,20}):([1-9][0-9]{0,9})-([1-9][0-9]{0,9})\Z", re.ASCII)


class GrantValue(NamedTuple):
    """What a visa names. version: empty: none is named; regions: empty: the whole."""

    dataset: str
    version: str = ""
    regions: tuple[Interval, ...] = ()


def dataset_url(issuer: str, dataset: str) -> str:
    """The value of a visa for the whole of a dataset."""
    return f"{issuer.rstrip('/')}/datasets/{dataset}"


def grant_values(
    issuer: str, dataset: str, version: str = "", regions: Sequence[Interval] = ()
) -> Iterator[str]:
    """Values for a dataset, or for regions of it: as many as it takes, since a value has 255 characters at most.

    version: empty: none is named. Raises Invalid if not even one region fits.
    """
    whole = dataset_url(issuer, dataset)
    narrowed = f"{_VERSION}{quote(version, safe='')}" if version else ""
    if not regions:
        yield f"{whole}#{narrowed}" if version else whole
        return
    start = f"{whole}#{narrowed}{'&' if version else ''}{_REGIONS}"
    texts = [f"{each.contig}:{each.start + 1}-{each.end}" for each in regions]
    while texts:
        count = len(texts)
        while count and len(value := f"{start}{','.join(texts[:count])}") > LONGEST_URL:
            count -= 1
        if not count:
            raise Invalid(f"the address of dataset {dataset} is too long for a visa: {whole}")
        yield value
        del texts[:count]


def read_grant_value(value: str, issuer: str, *, bare: bool) -> GrantValue:
    """What a visa of `issuer` names.

    bare: an id alone, or at the end of any other URL, is taken as well. Raises Malformed, also for a fragment that
    cannot be read: what was meant to be a part is never taken for the whole.
    """
    address, mark, fragment = value.partition("#")
    prefix = dataset_url(issuer, "")
    if address.startswith(prefix):
        name = address.removeprefix(prefix)
    elif bare:
        name = address.rstrip("/").rsplit("/", 1)[-1]
    else:
        raise Malformed(f"the value names no dataset of its issuer: it does not begin with {prefix}")
    try:
        dataset = dataset_id(name, "")
    except Invalid as error:
        raise Malformed(str(error)) from error
    return GrantValue(dataset, *_narrowed(fragment)) if mark else GrantValue(dataset)


def _narrowed(fragment: str) -> tuple[str, tuple[Interval, ...]]:
    """Version and regions."""
    first, both, second = fragment.partition("&")
    version, regions = "", second if both else first
    if first.startswith(_VERSION):
        version = unquote(first.removeprefix(_VERSION))
        if not version or quote(version, safe="") != first.removeprefix(_VERSION):
            raise Malformed("the version in the fragment of a dataset's URL is empty, or not percent-encoded")
        if not both:
            return version, ()
    elif both:
        raise Malformed("the fragment of a dataset's URL is not version=…&regions=…")
    if not regions.startswith(_REGIONS):
        raise Malformed("the fragment of a dataset's URL is neither version=… nor regions=…")
    return version, tuple(_region(text) for text in regions.removeprefix(_REGIONS).split(","))


def _region(text: str) -> Interval:
    found = _REGION.match(text)
    if found is None or int(found[2]) > int(found[3]):
        raise Malformed(f"{text[:40]!r} is no region such as 22:1001-2000")
    return Interval(parse_contig(found[1]).contig, int(found[2]) - 1, int(found[3]))
