"""Which version of the Beacon specification this package obeys."""

from typing import Final

SPEC_VERSION: Final = "v2.2.0"
