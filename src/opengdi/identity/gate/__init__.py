"""The gate before all APIs: whoever shows a credential is known by it, or the credential is refused.

Roles come from the table of duties, never from a token; datasets come from visas alone.
"""

from __future__ import annotations

from opengdi.identity.gate.credentials import Believed, Credentials
from opengdi.identity.gate.gate import IdentityGate

__all__ = ["Believed", "Credentials", "IdentityGate"]
