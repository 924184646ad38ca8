# Everything a newcomer needs, each target doing its own set-up. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := graph nodes server tests bench

.PHONY: help setup demo test test-golden check format bench serve clean generated

help:
	@echo "make demo    a prompt becomes a picture, then one word changes"
	@echo "make test    all checks and tests"
	@echo "make test-golden   whole workflows against reference results, on full-size models"
	@echo "make check   lint, format, types, import contracts"
	@echo "make bench   timings, as a table and as JSON"
	@echo "make serve   the service on this machine"
	@echo "make format  put the sources in form"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	$(BIN)/python -m server.demo

check: setup
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

test: check
	$(BIN)/pytest -n 2 -m "not (golden and slow)"

test-golden: setup
	$(BIN)/pytest -m "golden and slow" -rs

bench: setup
	$(BIN)/python -m bench

serve: setup
	$(BIN)/python -m server serve

# Files that are generated from the sources and committed; tests say when one is stale.
generated: setup
	$(BIN)/python -m nodes.catalogue --write
	$(BIN)/python -m nodes.coverage
	$(BIN)/python -m graph.schema

format: setup
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
