"""A serving process, whatever its role: parts of features between one edge, one health board, two listeners."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client.registry import Collector
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from opengdi import __version__
from opengdi.apps.disk import make_private_folder, write_private
from opengdi.apps.settings import Settings
from opengdi.kernel.clock import Clock
from opengdi.kernel.errors import Conflict, NotFound
from opengdi.kernel.health import HealthBoard, Probe
from opengdi.kernel.http.edge import Edge, Limits
from opengdi.kernel.http.faults import ErrorShape
from opengdi.kernel.http.frames import Frames
from opengdi.kernel.http.management import management_app
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.http.server import Address, Background, Listener, serve
from opengdi.kernel.metrics import MetricsRegistry, RequestMeter

LISTENING: Final = "listening.json"
LOCK: Final = "serving.lock"


@dataclass(frozen=True, slots=True)
class Part:
    """What one feature brings to a process.

    mounts: APIs that do their own routing, by base path. shapes: a standard's error shape by base path.
    own_credentials: base paths of APIs that check what they are shown themselves, so that the gate passes them over.
    limits: what a request may cost below a base path, where it is not as everywhere.
    frames: base paths at and below which a WebSocket may be opened instead of a GET.
    background: work that goes on while the process serves. ending: called when the process is asked to end, so that
    answers which wait for news end too. close: called once at the end, after the last answer.
    """

    routes: Sequence[Route] = ()
    mounts: Mapping[str, ASGIApp] = field(default_factory=dict)
    shapes: Mapping[str, ErrorShape] = field(default_factory=dict)
    own_credentials: Sequence[str] = ()
    limits: Mapping[str, Limits] = field(default_factory=dict)
    frames: Sequence[str] = ()
    probes: Sequence[Probe] = ()
    background: Sequence[Background] = ()
    collectors: Sequence[Collector] = ()
    ending: Callable[[], None] | None = None
    close: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """Everything that one process serves, wired; `serve_process` starts it, tests may call its apps.

    routes: (method, path with its parameters unfilled) of all that is public, mounts included.
    takes_frames: there are WebSockets.
    """

    public: ASGIApp
    management: ASGIApp
    background: tuple[Background, ...]
    endings: tuple[Callable[[], None], ...]
    closers: tuple[Callable[[], None], ...]
    routes: tuple[tuple[str, str], ...] = ()
    takes_frames: bool = False

    def close(self) -> None:
        """Close the parts, last one first."""
        for close in reversed(self.closers):
            close()


Wrap = Callable[[ASGIApp], ASGIApp]
"""Puts an ASGI app around another."""


def assemble(
    role: str,
    settings: Settings,
    clock: Clock,
    parts: Sequence[Part],
    *,
    gate: Wrap = lambda app: app,
    decided: Callable[[Scope, int], None] | None = None,
) -> Process:
    """The apps of a process in its role (`node` or `hub`).

    gate: put before all APIs, it finds out who calls; without it everybody is unknown.
    decided: told who was let in or refused.
    """
    metrics, meter = MetricsRegistry(), RequestMeter()
    for collector in (meter, *(collector for part in parts for collector in part.collectors)):
        metrics.add(collector)
    routing = Routing(
        (route for part in parts for route in part.routes),
        {base: app for part in parts for base, app in part.mounts.items()},
    )
    edge = Edge(
        gate(routing),
        clock=clock,
        limits=Limits(settings.limits.body_bytes, settings.limits.request_s),
        meter=meter,
        shapes={base: shape for part in parts for base, shape in part.shapes.items()},
        limits_of={base: limits for part in parts for base, limits in part.limits.items()},
        decided=decided,
    )
    health = HealthBoard(tuple(probe for part in parts for probe in part.probes))
    management = management_app(role=role, version=__version__, health=health, metrics=metrics, clock=clock)
    frames = [base for part in parts for base in part.frames]
    return Process(
        _taking_frames(edge, frames, settings) if frames else edge,
        management,
        tuple(work for part in parts for work in part.background),
        tuple(part.ending for part in parts if part.ending is not None),
        tuple(part.close for part in parts if part.close is not None),
        tuple(sorted(routing.listed())),
        takes_frames=bool(frames),
    )


def _taking_frames(app: ASGIApp, bases: Sequence[str], settings: Settings) -> ASGIApp:
    return Frames(app, bases, own=settings.public.external_url, first_frame_s=settings.limits.request_s)


def serve_process(process: Process, settings: Settings, data_dir: Path) -> None:
    """Serve until SIGTERM or SIGINT; meanwhile `listening.json` in the data directory tells the bound addresses.

    Raises Conflict if an address is taken.
    """
    listening = data_dir / LISTENING

    def announce(public: Address, management: Address) -> None:
        addresses = {"public": public.url, "management": management.url, "pid": os.getpid()}
        write_private(listening, json.dumps(addresses) + "\n")
        print(f"public {public.url}  management {management.url}", flush=True)

    try:
        serve(
            Listener(
                process.public,
                Address(settings.public.host, settings.public.port),
                settings.public.trusted_proxies,
                settings.limits.body_bytes if process.takes_frames else 0,
            ),
            Listener(process.management, Address(settings.management.host, settings.management.port)),
            announce=announce,
            background=process.background,
            endings=process.endings,
        )
    finally:
        listening.unlink(missing_ok=True)
        process.close()


@contextmanager
def alone_in(data_dir: Path) -> Iterator[None]:
    """The data directory, made private, for this one serving process. Raises Conflict if another one serves it."""
    make_private_folder(data_dir)
    descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"another process serves {data_dir}; stop it first (`gdi node status`)") from None
    else:
        yield
    finally:
        os.close(descriptor)


def listening_addresses(data_dir: Path) -> dict[str, str | int]:
    """`public`, `management` and `pid` of the process that serves the data directory. Raises NotFound."""
    try:
        found: dict[str, str | int] = json.loads((data_dir / LISTENING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"nothing serves {data_dir}: there is no {LISTENING} in it") from None
    return found
