"""Identifiers of research organisations.

Spec: ROR, "ROR identifier pattern": `0`, six characters of Crockford's base 32, two check digits (ISO 7064, mod 97-10).
"""

from __future__ import annotations

import re
from typing import Final

from opengdi.kernel.errors import Invalid

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_FORM: Final = re.compile(r"(?:https://ror\.org/)?(0[0-9abcdefghjkmnpqrstvwxyz]{6}[0-9]{2})\Z")


def ror_id(text: str) -> str:
    """The identifier as an address, `https://ror.org/05dxps055`. Raises Invalid if its check digits are wrong."""
    found = _FORM.match(text.strip().lower())
    if found is None:
        raise Invalid(f"ror {text[:60]!r} must be like https://ror.org/05dxps055")
    code = found.group(1)
    number = 0
    for character in code[:7]:
        number = number * 32 + _CROCKFORD.index(character)
    if 98 - (number * 100) % 97 != int(code[7:]):
        raise Invalid(f"ror {text[:60]!r} has wrong check digits: a character is mistyped")
    return f"https://ror.org/{code}"
