"""What can be wrong with an upload. All of it is the provider's to mend, and said in words for the provider."""

from __future__ import annotations

from opengdi.archive.ports import ProvidersFault


class WrongKey(ProvidersFault):
    """The upload is encrypted, but not to a key of this archive."""


class Damaged(ProvidersFault):
    """The upload is not Crypt4GH as the standard has it, or was changed or cut short; the message names the offset."""


class DigestMismatch(ProvidersFault):
    """What arrived is not what the provider declared; the message names every digest that differs."""
