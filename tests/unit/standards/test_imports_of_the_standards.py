"""`standards` use the standard library and one crypto library, and nothing that could do input or output."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import opengdi.standards

MODULES = [module.name for module in pkgutil.walk_packages(opengdi.standards.__path__, "opengdi.standards.")]
ALLOWED_OUTSIDE = {
    "opengdi",
    "cryptography",
    "_cffi_backend",  # of cryptography
    "_openssl",  # of cryptography
    "bcrypt",  # one function, `kdf`: protected Crypt4GH and OpenSSH keys need it, and cryptography has it not
    "joserfc",
}
INPUT_OUTPUT = {
    "asyncio",
    "http.client",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "urllib.request",
}

PROGRAM = """
import importlib, json, sys
before = set(sys.modules)
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_a_fresh_process_that_imports_every_standard_gets_nothing_else():
    program = [sys.executable, "-I", "-c", PROGRAM, json.dumps(MODULES)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout))
    assert set(MODULES) <= imported
    outside = {name.split(".")[0] for name in imported} - sys.stdlib_module_names
    assert outside <= ALLOWED_OUTSIDE
    assert not imported & INPUT_OUTPUT
