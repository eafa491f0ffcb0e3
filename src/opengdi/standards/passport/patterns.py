"""Patterns of conditions: `?` is one character, `*` is any number of them, the whole text must fit; no escapes.

The matcher keeps the set of places it may be at as bits of one number, so a text costs one step per character,
whatever the pattern: nothing can be built that takes exponential time.

Spec: GA4GH Passport 1.2.1, "Pattern Matching".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

LONGEST_PATTERN: Final = 255


def matches(pattern: str, text: str) -> bool:
    """True if the whole of `text` fits `pattern`. A pattern of more than 255 characters fits nothing."""
    if len(pattern) > LONGEST_PATTERN:
        return False
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    letters, anything, stars, last = _compiled(pattern)
    places = 1
    for letter in text:
        places = (places << 1) & letters.get(letter, anything) | places & stars
        if not places:
            return False
    return bool(places >> last & 1)


def matches_part(pattern: str, text: str) -> bool:
    """True if a part of `text`, which is split at each `;`, fits `pattern`."""
    return any(matches(pattern, part) for part in text.split(";"))


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> tuple[dict[str, int], int, int, int]:
    """Places reached by each letter, by any letter, places that keep what comes, and the last place."""
    letters: dict[str, int] = {}
    anything = stars = place = 0
    for letter in pattern:
        if letter == "*":
            stars |= 1 << place
            continue
        place += 1
        if letter == "?":
            anything |= 1 << place
        else:
            letters[letter] = letters.get(letter, 0) | 1 << place
    return {letter: bits | anything for letter, bits in letters.items()}, anything, stars, place
