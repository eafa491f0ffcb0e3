"""WebSockets of uvicorn as this house wants them: quiet, and with an end where they cannot be read."""

from __future__ import annotations

import logging
from typing import Any, Final

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.utilities import ProtocolError

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.WARNING)

_BAD_HANDSHAKE: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Sockets(WSProtocol):
    """They must not log the addresses that are asked: questions are in them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.logger = _logger

    def data_received(self, data: bytes) -> None:
        """Bytes of a handshake or of frames; those that cannot be read end the connection, and nothing else."""
        try:
            super().data_received(data)
        except (ValueError, ProtocolError):  # such as a host that is no name, which wsproto does not expect
            if not self.handshake_complete:
                self.transport.write(_BAD_HANDSHAKE)
            self.transport.close()
