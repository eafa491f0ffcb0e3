"""A small signature service over HTTP, as an external one would be: it takes wishes, and says who signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "token-of-the-hub"
SECRET = b"a secret that both of them know"


@dataclass
class SignatureService:
    """What the service knows. wishes: by the id of a signature; answers: what it says when asked."""

    url: str = ""
    wishes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    tokens: list[str | None] = field(default_factory=list)
    status: int = 200

    def signs(self, id_: str, *, sha256: str | None = None) -> tuple[bytes, str]:
        """Somebody signs; the call to the hub and its proof."""
        self.answers[id_] = {
            "state": "signed",
            "sha256": sha256 or self.wishes[id_]["sha256"],
            "signedAt": "2026-12-01T10:00:00Z",
            "certificateSha256": "c" * 64,
        }
        return self.call(id_)

    def refuses(self, id_: str) -> tuple[bytes, str]:
        """Somebody refuses to sign."""
        self.answers[id_] = {"state": "refused"}
        return self.call(id_)

    def call(self, id_: str) -> tuple[bytes, str]:
        body = json.dumps({"id": id_}).encode()
        return body, hmac.new(SECRET, body, hashlib.sha256).hexdigest()


@contextmanager
def a_signature_service() -> Iterator[SignatureService]:
    service = SignatureService()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wish = json.loads(self.rfile.read(int(self.headers["content-length"])))
            id_ = f"s{len(service.wishes) + 1}"
            service.wishes[id_], service.answers[id_] = wish, {"state": "pending"}
            self._answer({"id": id_, "url": f"{service.url}/sign/{id_}"})

        def do_GET(self) -> None:
            self._answer(service.answers[self.path.rpartition("/")[2]])

        def _answer(self, content: Any) -> None:
            service.tokens.append(self.headers["authorization"])
            document = json.dumps(content).encode()
            self.send_response(service.status)
            self.send_header("content-length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
