"""A real SMTP server that letters are handed to, with the moods that real ones have."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class MailServer:
    """replies: what to answer instead, by the first word of a command; each is used up once, `always` never is.

    taken: letters, with who they are for. said: all commands. hold_s: how long to think before each answer.
    """

    tls: ssl.SSLContext | None = None
    from_the_start: bool = False
    user: str = ""
    password: str = ""
    replies: dict[str, list[str]] = field(default_factory=dict)
    always: dict[str, str] = field(default_factory=dict)
    hold_s: float = 0.0
    hang_up_after: str = ""
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    port: int = 0

    @property
    def letters(self) -> list[EmailMessage]:
        return [letter for _, letter in self.taken]

    def answer(self, word: str, usual: str) -> str:
        if self.replies.get(word):
            return self.replies[word].pop(0)
        return self.always.get(word, usual)


class _Talk(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        mood, self.secret, self.known, self.to = self.server.mood, False, False, ""
        try:
            if mood.from_the_start and mood.tls:
                self.wrap(mood.tls)
            self.say(mood.answer("HELLO", "220 mail.example.org ready"))
            while line := self.rfile.readline():
                words = line.decode().strip()
                mood.said.append(words)
                word = words.split(":")[0].split()[0].upper()
                time.sleep(mood.hold_s)
                if not self.obey(mood, word, words) or mood.hang_up_after == word:
                    return
        except (OSError, ValueError):
            return
        finally:
            for each in (self.rfile, self.wfile, self.connection):
                each.close()

    def finish(self) -> None:
        """Everything is closed already."""

    def wrap(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile.close()
        self.wfile.close()
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.secret = True

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def obey(self, mood: MailServer, word: str, words: str) -> bool:
        match word:
            case "EHLO":
                features = ["mail.example.org", *(["STARTTLS"] if mood.tls and not self.secret else [])]
                features += ["AUTH PLAIN LOGIN"] if mood.user else []
                lines = [f"250-{each}" for each in features] + ["250 8BITMIME"]
                self.say(mood.answer("EHLO", "\r\n".join(lines)))
            case "STARTTLS":
                self.say("220 go ahead")
                assert mood.tls
                self.wrap(mood.tls)
            case "AUTH":
                told = base64.b64decode(words.split()[2]).decode().split("\0")[1:]
                self.known = told == [mood.user, mood.password]
                self.say("235 welcome" if self.known else "535 5.7.8 no")
            case "MAIL" if mood.user and not self.known:
                self.say("530 5.7.0 log in first")
            case "RCPT":
                self.to = words.partition(":")[2].strip("<> ")
                self.say(mood.answer("RCPT", "250 ok"))
            case "DATA":
                self.data(mood)
            case "QUIT":
                self.say(mood.answer("QUIT", "221 bye"))
                return False
            case _:
                self.say(mood.answer(word, "250 ok"))
        return True

    def data(self, mood: MailServer) -> None:
        self.say("354 go ahead")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        reply = mood.answer("END", "250 taken")
        if reply.startswith("250"):
            letter = message_from_bytes(b"".join(lines), policy=policy.default)
            assert isinstance(letter, EmailMessage)
            mood.taken.append((self.to, letter))
            mood.encrypted.append(self.secret)
        self.say(reply)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, mood: MailServer) -> None:
        self.mood = mood
        super().__init__(("127.0.0.1", mood.port), _Talk)


@contextmanager
def a_mail_server(mood: MailServer | None = None) -> Iterator[MailServer]:
    """A server on loopback; on the port of `mood` if it names one."""
    mood = mood or MailServer()
    server = _Server(mood)
    mood.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mood
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(folder: Path, host: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """What a server of that name shows, and the file by which it is believed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, both = folder / "ca.pem", folder / "server.pem"
    public.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + public.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, public
