"""Asking a running process how it is, over its management listener."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from opengdi.apps.process import listening_addresses
from opengdi.kernel.errors import Unavailable


def print_status(data_dir: Path, *, as_json: bool) -> None:
    """Print addresses, version and the condition of each subsystem. Raises NotFound or Unavailable."""
    addresses = listening_addresses(data_dir)
    version, health = _ask(str(addresses["management"]))
    if as_json:
        print(json.dumps({**addresses, **version, "health": health}))
    else:
        print(f"{version['role']} {version['version']}  public {addresses['public']}  pid {addresses['pid']}")
        for name, finding in health["subsystems"].items():
            print(f"  {name:<16} {finding['status']:<9} {finding['detail']}".rstrip())
    if health["status"] == "failed":
        raise Unavailable("a subsystem that is needed has failed")


def _ask(management: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with httpx.Client(base_url=management, timeout=5.0, trust_env=False) as client:
            return client.get("/version").json(), client.get("/health/ready").json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(f"{management} does not answer: {error}") from error
