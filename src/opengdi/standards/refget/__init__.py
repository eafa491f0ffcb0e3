"""Reference sequences by digests of themselves: digests, ids, what may be asked and how it fails, media types.

Spec: GA4GH refget 2.0.0 (hts-specs `refget.md`; its text wins over its OpenAPI file).
"""

from __future__ import annotations

from typing import Final

SPEC_VERSION: Final = "2.0.0"
