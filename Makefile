# Every chore is one word. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Tests that start the product's processes, several times each.
RUNNING := $(addprefix tests/integration/,cli end_to_end execution fleet notify)
BENCHMARKS := retention takeover cron_oracle fast_motion due_at_once history execution saves burst dead_kernel \
  tables versions reads
export PATH := $(CURDIR)/$(BIN):$(PATH)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the product with real data, in JupyterLab; ONCE=1: one scheduled run, without a browser
	@$(PYTHON) scripts/install.py demo
	@exec $(BIN)/python -P scripts/demo.py $(if $(ONCE),--once)

test: ## everything that can fail: lint, types, front end, tests in Python and in Chromium
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@$(MAKE) --no-print-directory lint ui
	@timeout 3600 $(MAKE) --no-print-directory -j2 --output-sync test-running test-parts
	@timeout 1200 $(BIN)/python -m pytest tests/journeys $(ARGS)

# Two halves side by side, as most of these wait for processes; journeys want a browser to themselves.
test-running:
	@$(BIN)/python -m pytest $(RUNNING) $(ARGS)

test-parts:
	@$(BIN)/python -m pytest $(addprefix --ignore=,$(RUNNING)) $(ARGS)

lint: ## ruff and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

ui: ## the front end: compiler, linters, unit tests
	cd labextension && jlpm install --immutable
	cd labextension && jlpm lint:check
	cd labextension && jlpm test

trino: ## a real Trino on the tables of the demo; make trino-stop ends it
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@exec $(BIN)/python scripts/trino.py start

trino-stop: ## end that Trino
	@exec $(BIN)/python scripts/trino.py stop

trino trino-stop: export JUPYTER_ORCH__STATE__DIR ?= $(CURDIR)/.demo/state

screenshots: ## the pictures of the README, taken from the running product
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@$(BIN)/python scripts/screenshots.py

chaos: ## kill and freeze a fleet for ten minutes; SECONDS, JOBS and SEED change that
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@CHAOS_SECONDS=$(or $(SECONDS),600) CHAOS_JOBS=$(or $(JOBS),500) CHAOS_SEED=$(SEED) \
	  $(BIN)/python -m pytest tests/integration/fleet/test_fleet_{chaos,sqlite}.py

bench: ## every benchmark, one after the other; docs/benchmarks.md tells what they show
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python benchmarks/$$name.py; done

soak: ## 100,000 kernels forked one after the other: nothing may be left of them; an hour
	@$(PYTHON) scripts/install.py test
	@SOAK_FORKS=$(or $(FORKS),100000) $(BIN)/python -m pytest --timeout 0 \
	  tests/integration/execution/test_execution_forked.py -k thousand

kills: ## kill kernels and processes of the service at random, 200 times; KILLS and SEED change that
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@KILLS=$(or $(KILLS),200) KILLS_SEED=$(SEED) $(BIN)/python -m pytest \
	  tests/integration/execution/test_execution_random_kills.py

table-chaos: ## kill writers of tables 200 times, freeze them, lose answers; KILLS, ROUNDS and SEED change that
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@TABLE_KILLS=$(or $(KILLS),200) TABLE_NOTEBOOK_KILLS=$(or $(NOTEBOOK_KILLS),20) \
	  TABLE_FAULT_ROUNDS=$(or $(ROUNDS),25) TABLE_SEED=$(SEED) $(BIN)/python -m pytest \
	  tests/integration/warehouse_tables/test_{table_kills,table_freezes,lost_answers}.py \
	  tests/integration/execution/test_execution_{table_kills,trino_queries}.py

bench-peers: ## Airflow and jupyter-scheduler beside us; installs both into ~/.cache, takes twenty minutes
	@$(PYTHON) scripts/install.py test
	@$(BIN)/python scripts/provide.py
	@exec $(BIN)/python benchmarks/peers.py

clean: ## remove what was built; data of the demo too
	rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis test-artifacts build dist \
	  labextension/lib labextension/node_modules jupyter_orch/_labextension

.PHONY: help demo test test-running test-parts lint ui trino trino-stop screenshots chaos bench bench-peers soak kills table-chaos clean
