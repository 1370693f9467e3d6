# Two commands do all the set-up on a fresh machine with Python 3.11+: `make quickstart` and `make test`.
# pip is the installer; uv is used where it is there.
PYTHON ?= python3
VENV ?= .venv
OUT ?= runs/quickstart
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
ifeq ($(UV),)
  INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
  CREATE := $(PYTHON) -m venv $(VENV)
else
  INSTALL := uv pip install --quiet --python $(BIN)/python
  CREATE := uv venv --quiet --python $(PYTHON) $(VENV)
endif

.PHONY: quickstart test test-all lint types unit gpu bench format clean

quickstart: $(VENV)/.runtime  ## install, then train, score and compare four variants on bundled data
	$(BIN)/ganbench quickstart --out $(OUT)

test: $(VENV)/.development lint types unit  ## install, then lint, types and tests

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.development
	$(BIN)/mypy

unit: $(VENV)/.development
	@echo "left out of a plain run: $$($(BIN)/pytest --collect-only -m 'slow or gpu or network' | tail -1)"
	$(BIN)/pytest -n 2 --dist worksteal

test-all: $(VENV)/.development  ## also what a plain run leaves out
	$(BIN)/pytest -n 2 --dist worksteal -m "not network"

gpu: $(VENV)/.development  ## what needs a CUDA device: the promises on it, speeds of features and scores, and the mnist suite with its timings
	$(BIN)/pytest -m gpu
	$(BIN)/pytest -s benchmarks/test_inception.py benchmarks/test_from_features.py
	$(BIN)/ganbench run mnist --device auto --out runs/mnist-gpu

bench: $(VENV)/.development  ## how fast the parts are
	$(BIN)/pytest benchmarks

format: $(VENV)/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ganbench needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(CREATE)

$(VENV)/.runtime: $(VENV)/bin/python pyproject.toml requirements.lock
	$(INSTALL) --constraint requirements.lock --editable .
	@touch $@

$(VENV)/.development: $(VENV)/bin/python pyproject.toml requirements.lock
	$(INSTALL) --requirement requirements.lock
	$(INSTALL) --no-deps --editable .
	@touch $@ $(VENV)/.runtime
