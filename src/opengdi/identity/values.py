"""How a ControlledAccessGrants visa names a dataset: `{issuer}/datasets/{id}`, with `#regions=…` for a part of it.

Regions are as in samtools, 1-based with both ends in: `#regions=22:1001-2000,X:5-9`; inside 0-based, half-open.
Spec: GA4GH Passport 1.2.1, "ControlledAccessGrants" (a URL that the issuer chooses; this form is ours).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from opengdi.kernel.errors import Invalid
from opengdi.kernel.ids import dataset_id
from opengdi.standards.coordinates import Interval, parse_contig
from opengdi.standards.faults import Malformed
from opengdi.standards.passport.terms import LONGEST_URL

_MARK: Final = "#regions="
_REGION: Final = re.compile(r"([A-Za-z0-9_.]{1,20}):([1-9][0-9]{0,9})-([1-9][0-9]{0,9})\Z", re.ASCII)


def dataset_url(issuer: str, dataset: str) -> str:
    """The value of a visa for the whole of a dataset."""
    return f"{issuer.rstrip('/')}/datasets/{dataset}"


def grant_values(issuer: str, dataset: str, regions: Sequence[Interval] = ()) -> Iterator[str]:
    """Values for a dataset, or for regions of it: as many as it takes, since a value has 255 characters at most.

    Raises Invalid if not even one region fits.
    """
    whole = dataset_url(issuer, dataset)
    if not regions:
        yield whole
        return
    texts = [f"{each.contig}:{each.start + 1}-{each.end}" for each in regions]
    while texts:
        count = len(texts)
        while count and len(value := f"{whole}{_MARK}{','.join(texts[:count])}") > LONGEST_URL:
            count -= 1
        if not count:
            raise Invalid(f"the address of dataset {dataset} is too long for a visa: {whole}")
        yield value
        del texts[:count]


def read_grant_value(value: str, issuer: str, *, bare: bool) -> tuple[str, tuple[Interval, ...]]:
    """The dataset that a visa of `issuer` names, and the regions of it; none: the whole.

    bare: an id alone, or at the end of any other URL, is taken as well. Raises Malformed, also for a region that
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
    return dataset, _regions(mark + fragment) if mark else ()


def _regions(fragment: str) -> tuple[Interval, ...]:
    if not fragment.startswith(_MARK):
        raise Malformed("the fragment of a dataset's URL is not regions=…")
    return tuple(_region(text) for text in fragment.removeprefix(_MARK).split(","))


def _region(text: str) -> Interval:
    found = _REGION.match(text)
    if found is None or int(found[2]) > int(found[3]):
        raise Malformed(f"{text[:40]!r} is no region such as 22:1001-2000")
    return Interval(parse_contig(found[1]).contig, int(found[2]) - 1, int(found[3]))
