"""Data Repository Service: objects, bundles, access methods, bulk requests, as pure code.

Spec: GA4GH DRS 1.5.0 (data-repository-service-schemas, tag drs-1.5.0).
"""

from __future__ import annotations

from typing import Final

SPEC_VERSION: Final = "1.5.0"
BASE_PATH: Final = "/ga4gh/drs/v1"
""""DRS server endpoints MUST be prefixed by the '/ga4gh/drs/v1' endpoint path"."""
