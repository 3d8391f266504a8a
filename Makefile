# make demo: see the node work; make test: run the tests; make help: the rest.
# Both create what they need in $(VENV); no ROS installation is needed, and a sourced one is not used.

VENV ?= .venv
PYTHON ?= $(firstword $(foreach version,3.11 3.12 3.13 3.14,$(shell command -v python$(version))) python3)
SEED ?= 1
BAG ?=
OUT ?= out/demo
# What `make demo-seeds` runs, and where to.
SEEDS ?= 1 2 3 4 5 6 7 8 9 10
SEEDS_OUT ?= out/demo-seeds
# Number of test processes.
JOBS ?= 2
TESTS ?= test

BOOTSTRAP = $(PYTHON) scripts/bootstrap --venv "$(VENV)"
BIN = $(VENV)/bin

# From a sourced ROS or another environment of wheels, these would mix its libraries with ours.
unexport AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH PYTHONHOME PYTHONPATH ROS_DISTRO
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

.DEFAULT_GOAL := help
.PHONY: help demo demo-seeds test lint typecheck environment clean

help:  ## show this
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo:  ## write a bag, play it into the real node, score it, report to out/demo (SEED=n, BAG=path, OUT=directory)
	@$(BOOTSTRAP) demo
	@"$(BIN)/hand-object-pose" demo --seed $(SEED) --out "$(OUT)" $(if $(BAG),--bag "$(BAG)")

# Status 1 is a sequence that failed, which the summary reports; any other ends the loop. Ten raw bags are 5 GB.
demo-seeds:  ## the demo over ten sequences, mean and worst in out/demo-seeds (SEEDS="1 2", SEEDS_OUT=directory)
	@$(BOOTSTRAP) demo
	@for seed in $(SEEDS); do \
	  "$(BIN)/hand-object-pose" demo --seed $$seed --duration 0 --out "$(SEEDS_OUT)/$$seed" || [ $$? -eq 1 ] || exit 1; \
	  rm -rf "$(SEEDS_OUT)/$$seed/bag"; \
	done
	@"$(BIN)/hand-object-pose" demo-summary $(SEEDS:%="$(SEEDS_OUT)/%/metrics.json") --out "$(SEEDS_OUT)/summary.json"

test: environment lint  ## check style and types, run all tests (JOBS=n, TESTS="test/test_x.py ...")
	@echo "-- pytest in $(JOBS) processes"
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
	  "$(BIN)/python" -m pytest -n $(JOBS) --dist loadfile $(TESTS)

lint: environment  ## ruff and mypy over the whole tree
	@echo "-- ruff"
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@$(MAKE) --no-print-directory typecheck

# Tests may leave out annotations; what they annotate is checked.
typecheck:
	@echo "-- mypy"
	@"$(BIN)/mypy"
	@"$(BIN)/mypy" --allow-untyped-defs --no-check-untyped-defs --no-warn-unused-ignores \
	  --disable-error-code annotation-unchecked test

environment:  ## make or update the environment for tests, run nothing
	@$(BOOTSTRAP) test

clean:  ## remove the environment and everything that was built; keep out/ and runs/
	rm -rf "$(VENV)" build install log *.egg-info training/*.egg-info .mypy_cache .ruff_cache .pytest_cache
