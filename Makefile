# `make demo` shows the main job, `make test` runs every check. Both set themselves up in .venv;
# the stamp files there make a second run start at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2
FUZZ_SECONDS ?= 600

.PHONY: demo test format lint types floors tests golden docs bench fuzz clean

demo: $(VENV)/.runtime
	$(BIN)/lazyinspect run configs/mynet.yaml

test: lint types floors tests

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

floors: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

tests: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n $(WORKERS)

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# rewrites the expected reports, tables and messages; git shows the difference
golden: $(VENV)/.dev
	LAZYINSPECT_GOLDEN=write $(BIN)/python -m pytest -q tests/golden tests/render tests/lock tests/test_errors.py

# rewrites docs/ops.md, docs/errors.md, and the outputs that the other pages show
docs: $(VENV)/.dev
	LAZYINSPECT_DOCS=write $(BIN)/python -m pytest -q tests/docs

# random specs and command lines for FUZZ_SECONDS; findings are kept in fuzz/findings
fuzz: $(VENV)/.dev
	-$(PIP) install -c constraints.txt -e '.[fuzz]'  # no wheel for this system: unguided
	$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

# the peers are of no use besides, and installed by no other target
bench: $(VENV)/.dev
	$(PIP) install -c constraints.txt -e '.[bench]'
	$(BIN)/python -m benchmarks; bounds=$$?; $(BIN)/python -m benchmarks.peers && exit $$bounds

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	touch $@

# torch first and by itself: its exact version picks the build
$(VENV)/.runtime: $(VENV)/.made pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt torch
	$(PIP) install -c constraints.txt -e .
	$(BIN)/python -m compileall -q lazyinspect  # pip does so for all but editable installs
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(PIP) install -c constraints.txt -e '.[dev]'
	touch $@
