# Two commands do all the set-up on a fresh machine with Python 3.11+: `make quickstart` and `make test`.
# pip is the installer; uv is used where it is there.
PYTHON ?= python3
VENV ?= .venv
OUT ?= runs/quickstart
BENCH_JSON ?= runs/bench.json
PARTS ?=
BENCH ?=
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
ifeq ($(UV),)
  INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
  CREATE := $(PYTHON) -m venv $(VENV)
else
  INSTALL := uv pip install --quiet --python $(BIN)/python
  CREATE := uv venv --quiet --python $(PYTHON) $(VENV)
endif

.PHONY: quickstart test test-all smoke lint types unit gpu bench bands reference format clean

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
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal

test-all: $(VENV)/.development  ## also what a plain run leaves out
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "not network"

smoke: $(VENV)/.development  ## does it work on another Python? make smoke PYTHON=python3.13 VENV=.venv-3.13
	rm -rf $(VENV)/smoke
	$(BIN)/ganbench run quickstart --device cpu --set budget_images=1_000 --out $(VENV)/smoke
	$(BIN)/ganbench score $(VENV)/smoke/runs/dcgan-digits-s0-* --real digits:test --extractor digits-probe --n 1000
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal tests/plan tests/results tests/report tests/metrics tests/test_wheel.py

bands: $(VENV)/.development  ## measure the variants' bands (hours on two CPU cores; resumes) and write baselines/README.md
	$(BIN)/ganbench run smoke --device cpu --out runs/bands/smoke
	$(BIN)/ganbench run digits --device cpu --out runs/bands/digits
	$(BIN)/ganbench run broken --device cpu --out runs/bands/broken
	$(BIN)/ganbench run few --device cpu --out runs/bands/few
	$(BIN)/ganbench run ablation --device cpu --out runs/bands/ablation
	$(BIN)/ganbench run modes --device cpu --only dataset=ring8,grid25,stacked-digits --out runs/bands/modes
	$(BIN)/ganbench run mnist --device cpu --out runs/bands/mnist
	$(BIN)/python -m baselines.bands runs/bands/smoke runs/bands/digits runs/bands/broken runs/bands/few runs/bands/ablation runs/bands/modes runs/bands/mnist

reference: $(VENV)/.development  ## run the committed suites (hours on two CPU cores; resumes) and write reports/reference
	$(BIN)/ganbench run digits --device cpu --out runs/reference/digits
	$(BIN)/ganbench run modes --device cpu --only dataset=ring8,grid25 --out runs/reference/modes
	$(BIN)/ganbench run mnist --device cpu --out runs/reference/mnist
	$(BIN)/ganbench report runs/reference/digits runs/reference/modes runs/reference/mnist reports/timing/cpu --out reports/reference --title "ganbench reference report"

gpu: $(VENV)/.development  ## what needs a CUDA device, in parts: make gpu PARTS="tests training timings scores features bands"
	$(BIN)/python benchmarks/gpu.py $(PARTS)

bench: $(VENV)/.development  ## how fast the parts are; compare with an earlier file: BENCH="--benchmark-compare=FILE --benchmark-compare-fail=median:20%"
	@mkdir -p $(dir $(BENCH_JSON))
	$(BIN)/pytest benchmarks --benchmark-json=$(BENCH_JSON) $(BENCH)

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
