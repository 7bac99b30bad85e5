# The two commands of the README, and the developer's. Each builds .venv when it is missing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types contracts bench mutation clean docs

demo: .venv/installed-test
	$(BIN)/labshd demo --out demo-output

test: .venv/installed-test
	$(BIN)/python -m pytest

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/pyright

contracts: .venv/installed-dev
	$(BIN)/lint-imports

bench: .venv/installed-test
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: .venv/installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "labshd needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/installed-test: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@

.venv/installed-dev: pyproject.toml .venv/installed-test
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

mutation: .venv/installed-test
	$(BIN)/python benchmarks/mutation

.venv/installed-docs: pyproject.toml .venv/installed-test
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@

clean:
	rm -rf .venv demo-output site
