"""Objects by key: whole or not at all, readable by range. A directory, or an S3-compatible store.

`ports` says what a storage promises and which keys there are; `directory` and `object_store` are the adapters.
"""

from __future__ import annotations

from opengdi.kernel.storage.ports import (
    Storage,
    StoredObject,
    answers,
    checked_key,
    put_whole,
    read_whole,
)

__all__ = ["Storage", "StoredObject", "answers", "checked_key", "put_whole", "read_whole"]
