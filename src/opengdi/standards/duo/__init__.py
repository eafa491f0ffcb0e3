"""Data Use Ontology: what data may be used for, what somebody wants to use them for, and whether the two fit.

Pure: dates and hierarchies of diseases come in. A statement that is not understood never opens anything.
Spec: GA4GH DUO, release 2021-02-23 (CC BY 4.0).

codes (the terms) · statements (of datasets) · purposes (of applicants) · matching (the answer, explained) · odrl (as a
policy).
"""

from typing import Final

SPEC_VERSION: Final = "2021-02-23"
