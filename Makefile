# Everything a fresh clone needs: Python 3.11 or newer, make and a network.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test test-long tried check audit bench lock clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s" % sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install
	@$(BIN)/checkouts demo

test: install
	$(BIN)/python -m pytest -m "not long" --numprocesses 2

# What takes minutes: hundreds of kills and the like.
test-long: install
	$(BIN)/python -m pytest -m long --numprocesses 2

# The README's table of what was tried, written from what happens now; takes as long as test-long.
tried: install
	$(BIN)/python -m pytest tests/faults --numprocesses 2 --write-tried

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

# The pinned dependencies against published advisories; needs an index of them.
audit:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip
	rm -rf .venv-audit

bench: install
	$(BIN)/python -m tests.bench $(BENCH)

# Newest versions that fit pyproject.toml, written as plain pins.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check hatchling editables '.[dev]'
	.venv-lock/bin/python -m pip freeze --exclude checkout-sessions-warehouse > requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
