"""What can go wrong with an upload, as kinds of errors; each protocol's API has its own word for each."""

from __future__ import annotations

from opengdi.kernel.errors import Conflict, Invalid, NotFound, NotPermitted


class QuotaExceeded(NotPermitted):
    """The provider holds as many bytes as it may."""


class BadDigest(Invalid):
    """What arrived is not what the sender's checksum says; nothing of it is kept."""


class NoSuchUpload(NotFound):
    """There is no such upload, or no more, or it is somebody else's."""

    public = "There is no such upload; it may have expired, ended or been given up."


class NotEncrypted(Invalid):
    """What arrives is not encrypted to this node, or not at all; none of it is kept."""


class WrongParts(Invalid):
    """The parts named at the end are not the parts that arrived, or out of order, or too small."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WrongOffset(Conflict):
    """The sender goes on elsewhere than where the upload stands."""


class Broken(Invalid):
    """The sender went away in the middle of a request."""
