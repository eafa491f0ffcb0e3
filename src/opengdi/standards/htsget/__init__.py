"""htsget 1.3 as pure code: requests, tickets, errors, service info, and which bytes of a file a region needs.

Spec: hts-specs `htsget.md`; its text wins over `pub/htsget-openapi.yaml`.
"""

from __future__ import annotations

from typing import Final

SPEC_VERSION: Final = "1.3.0"
