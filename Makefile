# Every command a person needs; `make help` lists them.
PORT ?= 8000
DATA ?= data
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt package-lock.json hatch_build.py
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@$(BIN)/python -m compileall -q src/innkeeper
	@touch $@

install: $(STAMP) ## create .venv with the pinned dependencies and the browser assets

demo: install ## a whole hotel on http://127.0.0.1:$(PORT)
	$(BIN)/innkeeper demo --port $(PORT) --data $(DATA)

# in the order of the files: sorted by number of tests, the few that take a minute each would come last
test: install ## every test that this machine can run
	$(BIN)/python -m pytest -q -m "not chaos" -n auto --dist loadfile --no-loadscope-reorder

check: install ## format, lint, types, import rules, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory test

chaos: install ## the long runs: random histories, faults and kills, with a printed seed
	$(BIN)/python -m pytest -q -m chaos -s --timeout=0 tests/chaos

bench: install ## the benchmarks, one JSON line a figure
	$(BIN)/python -m benchmarks

clean: ## remove what the commands above made, but not the hotel's data
	rm -rf .venv node_modules src/innkeeper/web/static/vendor .mypy_cache .ruff_cache .pytest_cache

.PHONY: help install demo test check chaos bench clean
