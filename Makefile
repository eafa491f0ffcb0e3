# Plain `make` lists the commands.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.PHONY: help setup lock check test test-unit conformance system demo bench profile docs format clean
# Tests of one file stay in one process, where they share what is dear to make.
PARALLEL := --numprocesses=3 --dist=loadfile --no-loadscope-reorder

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# -- environment ---------------------------------------------------------------------------------------------

setup: $(DEV) ## Make .venv with everything for development, from the locked requirements

$(BIN)/python:
	scripts/make-venv.sh $(VENV)

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes --requirement requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $(RUNTIME) $@

lock: $(DEV) ## Resolve pyproject.toml anew into requirements/*.txt, with hashes (UPGRADE=--upgrade for newer ones)
	$(LOCK) $(UPGRADE) --group dev pyproject.toml --output-file requirements/dev.txt
	$(LOCK) $(UPGRADE) --group build --constraint requirements/dev.txt pyproject.toml --output-file requirements/runtime.txt

# -- what must hold --------------------------------------------------------------------------------------------

check: check-format check-lint check-types check-layers check-docs ## Format, lint, types, layers, generated pages

.PHONY: check-format check-lint check-types check-layers check-docs
check-format: $(DEV)
	$(BIN)/ruff format --check --quiet .
check-lint: $(DEV)
	$(BIN)/ruff check --quiet .
check-types: $(DEV)
	$(BIN)/mypy
check-layers: $(DEV)
	$(BIN)/lint-imports --no-logo
check-docs: $(DEV)
	$(BIN)/python scripts/reference.py --check

test: $(DEV) ## The whole test suite; PYTEST="-k words" for a part of it
	@scripts/debian-packages.sh postgresql=initdb chromium-driver=chromedriver samtools bcftools awscli rclone
	@scripts/npm-package.sh tests/system/oidc_provider oidc-provider >/dev/null || [ $$? = 3 ]
	@scripts/npm-package.sh tests/system/axe axe-core >/dev/null || [ $$? = 3 ]
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST)

test-unit: $(DEV) ## Unit tests only: no network, no waiting
	$(BIN)/python -m pytest tests/unit $(PYTEST)

conformance: $(DEV) ## The official schemas against a running node and hub
	$(BIN)/python -m pytest tests/conformance $(PYTEST)

system: $(DEV) ## Real processes: nodes and a hub
	$(BIN)/python -m pytest tests/system $(PYTEST)

# -- what it does ----------------------------------------------------------------------------------------------

demo: $(RUNTIME) ## Three nodes and a hub on this machine, and a walk through them (ARGS="--exit", ARGS="--real")
	$(BIN)/gdi demo $(ARGS)

bench: $(DEV) ## Measure; prints the figures and writes bench/results.json (ARGS="--help" for parts)
	$(BIN)/python -m bench $(ARGS)

profile: $(DEV) ## Where a node's time goes while it answers (py-spy; needs the nodes that `make bench` makes, or makes them)
	$(BIN)/python -m bench.profile

docs: $(DEV) ## Write docs/reference from the code
	$(BIN)/python scripts/reference.py

format: $(DEV) ## Put every file into shape
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix --quiet .

clean: ## Remove what can be made again
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist demo-data bench/work
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
