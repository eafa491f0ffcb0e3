"""Where the objects of a file lie in the storage, by its place (`<2 hex>/<id>`, or `<2 hex>/<id>-<volume>`).

Only the body is as large as the file. All objects but the facts are written once; a rotation replaces the header
and keeps the one before.
"""

from __future__ import annotations

from typing import Final

BODIES: Final = "bodies"
INDEXES: Final = "indexes"
FOLDERS: Final = (BODIES, INDEXES, "headers", "former-headers", "checks", "facts")
"""Of all objects."""


def body_key(place: str) -> str:
    """The encrypted segments as the provider sent them, without the header."""
    return f"{BODIES}/{place}"


def header_key(place: str) -> str:
    """The Crypt4GH header, sealed for the archive's key and the recovery key; `cat header body` is a whole file."""
    return f"headers/{place}.c4gh-header"


def former_header_key(place: str, key_id: str) -> str:
    """The header that was sealed for key `key_id`, kept when the archive went over to another key."""
    return f"former-headers/{place}.{key_id[:16]}.c4gh-header"


def index_key(place: str) -> str:
    """The index, as segments under the file's own data key."""
    return f"{INDEXES}/{place}.c4gh"


def checks_key(place: str) -> str:
    """Signed hashes of the body, chunk by chunk."""
    return f"checks/{place}.jws"


def facts_key(place: str) -> str:
    """Signed facts: all that the registry knows of the file."""
    return f"facts/{place}.jws"


def all_keys(place: str) -> tuple[str, ...]:
    """Every object of a file but former headers. The header first: without it, what is left of the others is noise."""
    return tuple(key_of(place) for key_of in (header_key, body_key, index_key, checks_key, facts_key))


def place_of(key: str) -> str:
    """The place that an object's key names."""
    folder_and_name = key.split("/", 1)[1]
    return folder_and_name.split(".", 1)[0]


def named_place(id_: str, volume: str = "") -> str:
    """The place of a new file. id_: hexadecimal and random; its beginning spreads files over folders."""
    return f"{id_[:2]}/{id_}-{volume}" if volume else f"{id_[:2]}/{id_}"


def in_volume(place: str, volume: str) -> str:
    """The place that the same file has in a volume: always the same one."""
    bare = bare_place(place)
    return f"{bare}-{volume}" if volume else bare


def bare_place(place: str) -> str:
    """What the places of one file have in common, in whichever volume it lies."""
    return place.partition("-")[0]


def volume_of(key: str) -> str:
    """The volume that an object's key names; empty: the archive's first storage."""
    return volume_of_place(place_of(key)) if "/" in key else ""


def volume_of_place(place: str) -> str:
    """The same of a place."""
    return place.partition("-")[2]
