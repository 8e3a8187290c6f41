# Everything a fresh clone needs: Python 3.11 or newer, make and a network.
PYTHON ?= python3
BIN := .venv/bin
LAKE := .venv-lake/bin

.PHONY: install demo test test-long test-lake test-lake-long tried check audit bench bench-lake lock clean

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is %s" % sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install
	@$(BIN)/checkouts demo

# Two tests for each core of two: many wait for a process or a clock.
test: install
	$(BIN)/python -m pytest -m "not long" --numprocesses 4

# What takes minutes: hundreds of kills and the like.
test-long: install
	$(BIN)/python -m pytest -m long --numprocesses 4

# The README's table of what was tried, written from what happens now; takes as long as test-long.
tried: install
	$(BIN)/python -m pytest tests/faults --numprocesses 4 --write-tried

# On a lake: DuckDB 1.5.5 and its extensions, Dask, and PostgreSQL from Debian's packages; and what
# that DuckDB sees of a file made by the usual one.
test-lake: install .venv-lake/installed
	$(LAKE)/python -m tests.lake $(LAKE_TESTS) -m "not long and not file" --numprocesses 2 --dist loadfile

# What takes minutes of that: two hundred accounts.
test-lake-long: .venv-lake/installed
	$(LAKE)/python -m tests.lake tests/lake -m long

# A lake beside a file, and accounts a minute by workers.
bench-lake: .venv-lake/installed
	$(LAKE)/python -m tests.lake.bench

# All that pass there but take long: LAKE_TESTS="tests/truth tests/integration/test_sync.py".
LAKE_TESTS := tests/lake tests/truth/test_simulation.py tests/truth/test_kills.py \
	tests/integration/test_marts.py tests/integration/test_reflatten.py \
	tests/integration/test_personal_data.py

# What requirements.lock has, but for what requirements-lake.lock has instead or beside it.
.venv-lake/installed: requirements.lock requirements-lake.lock pyproject.toml
	$(PYTHON) -m venv .venv-lake
	grep -v '^duckdb==' requirements.lock > .venv-lake/requirements.txt
	$(LAKE)/python -m pip install --quiet --disable-pip-version-check --no-deps -r .venv-lake/requirements.txt -r requirements-lake.lock
	$(LAKE)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

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
	$(if $(BENCH),,$(MAKE) bench-lake)

# Newest versions that fit pyproject.toml, written as plain pins.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check hatchling editables '.[dev]'
	.venv-lock/bin/python -m pip freeze --exclude checkout-sessions-warehouse > requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf .venv .venv-lake build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
