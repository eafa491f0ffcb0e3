"""One process, two listeners: the management one answers whatever the public one is doing."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import httpx
import pytest

PROGRAM = """
import asyncio, sys, time
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from opengdi.kernel.clock import SystemClock
from opengdi.kernel.errors import Unavailable
from opengdi.kernel.health import HealthBoard
from opengdi.kernel.http.edge import Edge
from opengdi.kernel.http.management import management_app
from opengdi.kernel.http.routing import Routing
from opengdi.kernel.http.server import Address, Listener, serve
from opengdi.kernel.metrics import MetricsRegistry

async def hello(request):
    return PlainTextResponse("hello")

async def who(request):
    return PlainTextResponse(request.client.host)

async def compute(request):
    end = time.perf_counter() + 2.0
    while time.perf_counter() < end:
        pass
    return PlainTextResponse("computed")

async def wait(request):
    await asyncio.sleep(0.7)
    return PlainTextResponse("waited")

async def fail_soon():
    await asyncio.sleep(0.2)
    raise RuntimeError("the poller died")

tries = []

async def want_a_database():
    tries.append(1)
    if len(tries) < 3:
        raise Unavailable("the database is away")
    print("resumed", flush=True)
    await go_on()

async def go_on():
    await asyncio.Event().wait()

clock = SystemClock()
routes = [Route("/hello", hello), Route("/compute", compute), Route("/wait", wait), Route("/who", who)]
serve(
    Listener(Edge(Routing(routes), clock=clock), Address("127.0.0.1", 0), tuple(sys.argv[2:])),
    Listener(
        management_app(role="test", version="0", health=HealthBoard(), metrics=MetricsRegistry(), clock=clock),
        Address("127.0.0.1", 0),
    ),
    announce=lambda public, management: print(public.url, management.url, flush=True),
    background=[{"fail": fail_soon, "go on": go_on, "come back": want_a_database}[sys.argv[1]]],
)
"""


class Program:
    def __init__(self, background: str, *trusted_proxies: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, background, *trusted_proxies],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.public, self.management = self.process.stdout.readline().split()

    def end(self) -> tuple[int, str]:
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@pytest.fixture
def program() -> Iterator[Program]:
    started = Program("go on")
    yield started
    started.process.kill()
    started.process.communicate()


def test_alive_is_answered_while_the_public_loop_computes(program):
    answers: list[str] = []
    with httpx.Client(timeout=60, trust_env=False) as asker, httpx.Client(trust_env=False) as operator:
        asker.get(f"{program.public}/hello")  # both connections stand
        operator.get(f"{program.management}/version")
        asking = threading.Thread(target=lambda: answers.append(asker.get(f"{program.public}/compute").text))
        asking.start()
        assert operator.get(f"{program.management}/health/live").json() == {"status": "ok"}
        assert not answers, "the public loop was free before management had answered"
        asking.join()
    assert answers == ["computed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_running_answer_finish(program, number):
    answers: list[str] = []
    with httpx.Client(trust_env=False) as client:
        client.get(f"{program.public}/hello")  # the connection stands
        asking = threading.Thread(target=lambda: answers.append(client.get(f"{program.public}/wait").text))
        asking.start()
        asking.join(0.2)
        program.process.send_signal(number)
        asking.join()
    assert answers == ["waited"]
    code, err = program.end()
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    "trusted, seen", [((), "127.0.0.1"), (("10.0.0.0/8",), "127.0.0.1"), (("127.0.0.1",), "192.0.2.7")]
)
def test_the_address_that_a_proxy_tells_is_believed_only_if_the_proxy_is_trusted(trusted, seen):
    program = Program("go on", *trusted)
    try:
        headers = {"x-forwarded-for": "192.0.2.7"}
        assert httpx.get(f"{program.public}/who", headers=headers, trust_env=False).text == seen
    finally:
        program.process.terminate()
        program.end()


def test_background_work_that_lacks_something_for_a_while_begins_anew():
    program = Program("come back")
    try:
        assert program.process.stdout is not None
        assert program.process.stdout.readline() == "resumed\n"
    finally:
        program.process.terminate()
        code, err = program.end()
    assert code == 0
    assert err.count("begins anew: the database is away") == 2


def test_background_work_that_fails_ends_the_process():
    program = Program("fail")
    code, err = program.end()
    assert code == 1
    assert "the poller died" in err
