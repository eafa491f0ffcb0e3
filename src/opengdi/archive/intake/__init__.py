"""Taking in uploads: one pass that decrypts, digests, compares, indexes and stores, and early refusal by the header.

faults (what can be wrong with an upload) · opening (the header) · sides (what is computed of a body, pure) ·
formats, indexing, index_worker (what the file is, and its index) · one_pass (reading, storing, the verdict).
"""

from __future__ import annotations

from opengdi.archive.intake.faults import Damaged, DigestMismatch, WrongKey
from opengdi.archive.intake.one_pass import Taken, take_in
from opengdi.archive.intake.opening import Opened, check_header

__all__ = ["Damaged", "DigestMismatch", "Opened", "Taken", "WrongKey", "check_header", "take_in"]
