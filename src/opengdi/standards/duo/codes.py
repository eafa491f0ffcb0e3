"""The terms of DUO: codes, shorthands, labels, parents; those that are obsolete or only describe a purpose.

Spec: GA4GH DUO 2021-02-23. Traps of the release: `duo.owl` gives NPOA the IRI `DUO_00000044`, with eight digits, where
`duo.csv` says `DUO:0000044`; of the four obsolete classes only two carry `owl:deprecated`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from opengdi.standards.faults import Malformed


class Kind(StrEnum):
    """What a term is for."""

    ABSTRACT = "abstract"
    PERMISSION = "permission"
    MODIFIER = "modifier"
    INVESTIGATION = "investigation"
    OBSOLETE = "obsolete"


@dataclass(frozen=True, slots=True)
class Code:
    """A term. parents: ids of the terms right above it; instead: what to use where a term is obsolete."""

    id: str
    shorthand: str
    label: str
    kind: Kind
    parents: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


_ROWS: Final = """
1||data use permission|abstract|
4|NRES|no restriction|permission|1
11|POA|population origins or ancestry research only|permission|1
42|GRU|general research use|permission|1
6|HMB|health or medical or biomedical research|permission|42
7|DS|disease specific research|permission|6
17||data use modifier|abstract|
12|RS|research specific restrictions|modifier|17
15|NMDS|no general methods research|modifier|17
16|GSO|genetic studies only|modifier|17
18|NPUNCU|not for profit, non commercial use only|modifier|17
19|PUB|publication required|modifier|17
20|COL|collaboration required|modifier|17
21|IRB|ethics approval required|modifier|17
22|GS|geographical restriction|modifier|17
24|MOR|publication moratorium|modifier|17
25|TS|time limit on use|modifier|17
26|US|user specific restriction|modifier|17
27|PS|project specific restriction|modifier|17
28|IS|institution specific restriction|modifier|17
29|RTN|return to database or resource|modifier|17
43|CC|clinical care use|modifier|17
44|NPOA|population origins or ancestry research prohibited|modifier|17
45|NPU|not for profit organisation use only|modifier|18
46|NCU|non-commercial use only|modifier|18
31||method development|investigation|
32||population research|investigation|
33||ancestry research|investigation|
34||age category research|investigation|
35||gender category research|investigation|
36||research control|investigation|
37||biomedical research|investigation|
38||genetic research|investigation|37
39||drug development research|investigation|37
40||disease category research|investigation|37
2||obsolete consent code primary category|obsolete|
3||obsolete consent code secondary category|obsolete|
5|GRU-CC|obsolete general research use and clinical care|obsolete||42,43
14|RU|obsolete research use only|obsolete||42
"""

_FORM: Final = re.compile(
    r"(?:DUO[:_]|(?:https?://)?purl\.obolibrary\.org/obo/DUO_)(\d{7,8})\Z", re.ASCII | re.IGNORECASE
)


def curie(number: int) -> str:
    """`DUO:0000042` for 42."""
    return f"DUO:{number:07d}"


def _numbers(text: str) -> tuple[str, ...]:
    return tuple(curie(int(part)) for part in text.split(",") if part)


def _read(row: str) -> Code:
    number, shorthand, label, kind, parents, *instead = row.split("|")
    return Code(
        curie(int(number)), shorthand, label, Kind(kind), _numbers(parents), _numbers("".join(instead))
    )


CODES: Final = {code.id: code for code in map(_read, _ROWS.strip().splitlines())}
"""All terms by id."""

CHECKSUM: Final = f"sha256:{hashlib.sha256(_ROWS.strip().encode()).hexdigest()}"
"""Of the table above: what a match was decided by."""

_BY_SHORTHAND: Final = {code.shorthand: code.id for code in CODES.values() if code.shorthand}


def canonical_code(text: str) -> str:
    """A code in its one spelling, `DUO:0000042`, from a CURIE, an IRI or a shorthand; what is unknown stays.

    Raises Malformed for text that is neither.
    """
    stripped = text.strip()
    if stripped.upper() in _BY_SHORTHAND:
        return _BY_SHORTHAND[stripped.upper()]
    found = _FORM.match(stripped)
    if found is None:
        raise Malformed(f"{text[:60]!r} is no DUO code such as DUO:0000042 or GRU")
    if len(found[1]) == 8 and found[1] != "00000044":  # the one slip of the release, and no other
        return f"DUO:{found[1]}"
    return curie(int(found[1]))


def name(code: str) -> str:
    """What people call a code: its shorthand, else its label, else the code itself."""
    known = CODES.get(code)
    return code if known is None else known.shorthand or known.label


def ancestors(code: str) -> frozenset[str]:
    """A code and all above it."""
    known = CODES.get(code)
    above = known.parents if known else ()
    return frozenset({code}).union(*(ancestors(parent) for parent in above))
