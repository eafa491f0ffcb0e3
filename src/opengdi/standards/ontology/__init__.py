"""Terms of ontologies and how they are related: CURIEs, is-a graphs, OBO and CSV files, distance between terms.

Spec: OBO Flat File Format 1.4 (the stanzas `[Term]`, tags id, name, is_a, xref), W3C CURIE syntax 1.0.
"""

from typing import Final

SPEC_VERSION: Final = "OBO 1.4"
