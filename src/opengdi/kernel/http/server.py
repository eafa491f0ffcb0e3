"""Two listeners in one process: the public one in the main thread, the management one in a thread of its own.

So `/health/live` is answered while the public loop is busy with a large page: the interpreter hands over between
threads within the switch interval, which `serve` lowers (figures in `bench`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
import uvloop
from starlette.types import ASGIApp

from opengdi.kernel.errors import Conflict, Unavailable

logger = logging.getLogger(__name__)

SWITCH_INTERVAL_S: Final = 0.001
COLLECT_AFTER: Final = 50_000
"""Containers made between two looks for garbage. Answers hold no cycles: with the 700 of the interpreter's own choice
the collector took a sixth of a page of 8,000 records, looking through them and all modules in vain (2026-11)."""
GRACE_S: Final = 10
"""Time that running answers get after SIGTERM or SIGINT."""

RESUME_AFTER_S: Final = 1.0

Background = Callable[[], Awaitable[None]]
"""Work that goes on while the process serves; it is cancelled at the end.

It begins anew when something it needs is Unavailable for a while; any other failure ends the process.
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 means any free one."""

    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Listener:
    """An app and where it listens.

    trusted_proxies: addresses (or networks) whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    frame_bytes: longest message taken from a WebSocket; 0: there are none.
    """

    app: ASGIApp
    address: Address
    trusted_proxies: tuple[str, ...] = ()
    frame_bytes: int = 0


_SOCKETS: Final = "opengdi.kernel.http.sockets:Sockets"
"""By name: a service that takes none, as a node, need not hold what reads them."""


def sockets_of(frame_bytes: int) -> dict[str, Any]:
    """Settings of uvicorn for a listener. Messages are not unfolded: a kilobyte might become a megabyte."""
    if not frame_bytes:
        return {"ws": "none"}
    return {"ws": _SOCKETS, "ws_max_size": frame_bytes, "ws_per_message_deflate": False}


def serve(
    public: Listener,
    management: Listener,
    *,
    announce: Callable[[Address, Address], None],
    background: Sequence[Background] = (),
    endings: Sequence[Callable[[], None]] = (),
) -> None:
    """Serve both until SIGTERM or SIGINT, then let running answers finish.

    endings: called when the end is asked for, so that answers that wait for news do not wait any longer.
    `announce` gets the bound public and management addresses when both listeners accept connections.
    Raises Conflict if an address is taken.
    """
    with contextlib.ExitStack() as sockets:
        public_socket = sockets.enter_context(_bind(public.address))
        management_socket = sockets.enter_context(_bind(management.address))
        bound = (_bound(public.address, public_socket), _bound(management.address, management_socket))
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        _spare_collector()
        server = _Server(public, when_started=lambda: announce(*bound), endings=endings)
        sockets.enter_context(_in_thread(management, management_socket))
        runner = sockets.enter_context(asyncio.Runner(loop_factory=uvloop.new_event_loop))
        runner.run(_serve_until_stopped(server, public_socket, background))


def _spare_collector() -> None:
    """What is loaded by now stays until the end; the collector need not look through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


class _Server(uvicorn.Server):
    """A uvicorn server that says when it accepts connections, and leaves signals to us.

    uvicorn's own handlers raise the signal again at the end, so an orderly stop would look like a death.
    """

    def __init__(
        self,
        listener: Listener,
        when_started: Callable[[], object],
        endings: Sequence[Callable[[], None]] = (),
    ) -> None:
        super().__init__(
            uvicorn.Config(
                listener.app,
                http="httptools",
                **sockets_of(listener.frame_bytes),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(listener.trusted_proxies),
                forwarded_allow_ips=list(listener.trusted_proxies),
                timeout_graceful_shutdown=GRACE_S,
            )
        )
        self._when_started = when_started
        self._endings = endings

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._when_started()

    def stop(self) -> None:
        self.should_exit = True
        for end in self._endings:
            end()


async def _serve_until_stopped(
    server: _Server, listening: socket.socket, background: Sequence[Background]
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    tasks = [asyncio.ensure_future(_kept_up(work)) for work in background]
    await asyncio.wait((serving, *tasks), return_when=asyncio.FIRST_COMPLETED)
    server.stop()
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(serving, *tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _kept_up(work: Background) -> None:
    while True:
        try:
            return await work()
        except Unavailable as error:
            logger.warning("%s begins anew: %s", getattr(work, "__qualname__", work), error)
            await asyncio.sleep(RESUME_AFTER_S)


@contextlib.contextmanager
def _in_thread(listener: Listener, listening: socket.socket) -> Iterator[None]:
    """The listener served in a thread with a loop of its own, from accepting connections to its orderly end."""
    settled = threading.Event()
    server = _Server(listener, when_started=settled.set)

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(server.serve(sockets=[listening]))
        finally:
            settled.set()

    thread = threading.Thread(target=run, name="management", daemon=True)
    thread.start()
    settled.wait()
    try:
        yield
    finally:
        server.stop()
        thread.join(GRACE_S)


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as error:
        raise Conflict(f"cannot listen on {address.url}: {error.strerror}") from error


def _bound(address: Address, listening: socket.socket) -> Address:
    return Address(address.host, listening.getsockname()[1])
