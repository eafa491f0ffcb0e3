"""Facts of revocations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

NOTICE: Final = "revocation"
"""Kind of the feed's notice."""


class Kind(StrEnum):
    """What was taken back."""

    PERMIT = "permit"
    VISA = "visa"
    SUBJECT = "subject"
    DATASET_SUBJECT = "dataset-subject"
    GRANT = "grant"
    """What a person granted a client at the broker, and so its access tokens; `jti` is the grant's id."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """Something that was taken back at `at`. Which of the other facts are there follows from the kind.

    number: rises in the order in which this process's database learnt of them; 0: not yet kept.
    node: where it was decided, if at one node.
    """

    id: str
    kind: Kind
    at: datetime
    permit: str = ""
    jti: str = ""
    subject: str = ""
    dataset: str = ""
    node: str = ""
    number: int = 0
