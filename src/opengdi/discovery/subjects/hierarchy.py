"""The term hierarchy a node works with: the curated table of the package, and whatever its operator adds."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from opengdi.discovery.subjects.records import lines
from opengdi.kernel.errors import Invalid
from opengdi.standards.faults import Malformed
from opengdi.standards.ontology.files import parse_csv, parse_obo
from opengdi.standards.ontology.graph import Ontology, Term


def load_ontology(extra: Iterable[Path] = ()) -> Ontology:
    """The curated table with the terms of further `.obo` or `.csv` files (gzipped or not) added.

    Raises Invalid, naming the file, if one cannot be read or understood.
    """
    curated = files("opengdi.discovery.subjects") / "vocabulary" / "curated.csv"
    terms = parse_csv(curated.read_text(encoding="utf-8"))
    for path in extra:
        terms += _read(path)
    return Ontology(terms)


def _read(path: Path) -> list[Term]:
    parse = parse_obo if path.name.removesuffix(".gz").endswith(".obo") else parse_csv
    try:
        return parse(b"\n".join(lines(path)).decode())
    except (Malformed, UnicodeDecodeError) as fault:
        raise Invalid(f"{path.name}: {fault}") from fault
