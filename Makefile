# The whole life of this project on one machine. `make` alone lists what there is.
# A fresh machine needs Python 3.13 and make; everything else is installed below this folder.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.13
BIN := .venv/bin
UV := $(BIN)/uv --quiet
# Each stamp says that its environment holds exactly what its locked file names.
DEV := .venv/.synced
SAM := .tools/sam/.synced
MINISTACK := .tools/ministack/.synced

# What `sam build` runs: the project's own Python, wherever SAM copies the sources to.
export RELAY_PYTHON := $(CURDIR)/$(BIN)/python
export SAM_CLI_TELEMETRY := 0
# Where SAM keeps its own settings; its default is in the home folder.
export __SAM_CLI_APP_DIR := $(CURDIR)/.tools/sam
SAM_BUILD := .tools/sam/bin/sam build --cached --parallel
# The build for this machine's processor, which the local stack runs, lies apart from the one for AWS.
HOST_BUILD := RELAY_BUILD_FOR_HOST=1 $(SAM_BUILD) --build-dir .relay/build --cache-dir .relay/cache

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- environments

.PHONY: setup
setup: ## Install everything, below this folder only
	@$(MAKE) --silent --jobs=3 $(DEV) $(SAM) $(MINISTACK)

$(BIN)/uv: requirements/uv.txt
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(DEV): requirements/dev.txt pyproject.toml | $(BIN)/uv
	@echo "Installing the development tools"
	@$(UV) pip sync --require-hashes requirements/dev.txt
	@$(UV) pip install --no-deps --no-build-isolation --editable .
	@touch $@

# SAM and the local cloud pin different versions of boto3, so each has an environment of its own.
.tools/%/.synced: requirements/%.txt | $(BIN)/uv
	@echo "Installing $*"
	@$(UV) venv --clear --python $(BIN)/python .tools/$*
	@$(UV) pip sync --require-hashes --python .tools/$*/bin/python requirements/$*.txt
	@touch $@

LOCK := $(UV) pip compile --generate-hashes --python-version 3.13 --custom-compile-command "make lock"
UPGRADE ?=

.PHONY: lock
lock: | $(BIN)/uv ## Refresh the locked requirements; UPGRADE=--upgrade takes newer versions
	$(LOCK) $(UPGRADE) --universal pyproject.toml --group dev -o requirements/dev.txt
	$(LOCK) $(UPGRADE) --universal requirements/uv.in -o requirements/uv.txt
	$(LOCK) $(UPGRADE) --universal requirements/sam.in -o requirements/sam.txt
	$(LOCK) $(UPGRADE) --universal requirements/ministack.in -o requirements/ministack.txt
	$(LOCK) $(UPGRADE) --python-platform linux pyproject.toml -c requirements/dev.txt -o layers/dependencies/requirements.txt

# ---------------------------------------------------------------- the local stack

.PHONY: run
run: setup ## The whole system on this machine, with a simulated Mistral, until Ctrl-C
	@exec $(BIN)/python -m tools.local run

.PHONY: up
up: setup ## The same in the background; returns when it answers
	@$(BIN)/python -m tools.local up

.PHONY: down
down: $(DEV) ## Stop the local stack
	@$(BIN)/python -m tools.local down

# ---------------------------------------------------------------- checks

.PHONY: test
test: $(DEV) ## Every test that needs no stack, with coverage
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report

JOBS ?= 100000

.PHONY: simulate
simulate: $(DEV) ## JOBS=100000 jobs through histories in which everything goes wrong
	@$(BIN)/python -m tests.simulation $(JOBS)

.PHONY: lint
lint: $(DEV) ## Style, formatting and the rules about who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml

.PHONY: types
types: $(DEV) ## Types, by two checkers
	$(BIN)/mypy
	$(BIN)/mypy layers/dependencies/prune.py
	$(BIN)/pyright

E2E := $(BIN)/python -m tools.local exec -- $(BIN)/pytest -o addopts= --import-mode=importlib tests/e2e

.PHONY: e2e
e2e: setup ## The promises, kept by the running local stack (started if it is not up)
	@$(E2E) -m 'not fire'

.PHONY: fire
fire: setup ## 200 jobs while the functions that run them are killed; takes ten minutes
	@$(E2E) -m fire

.PHONY: check
check: ## All that CI runs, in the order that fails fastest
	@.ci/run

.PHONY: openapi
openapi: setup ## Make the API's description anew from its routes
	@$(BIN)/python -m tools.openapi

.PHONY: bench
bench: setup ## The benchmarks, as one table
	@$(BIN)/python -m tools.local exec -- $(BIN)/python -m benchmarks

# ---------------------------------------------------------------- what goes to AWS

.PHONY: build
build: $(DEV) $(SAM) ## Build for AWS, then import every built handler with nothing else on the path
	$(SAM_BUILD)
	$(HOST_BUILD)
	$(BIN)/python -m tools.build.import_built_handlers .aws-sam/build .relay/build

.PHONY: clean
clean: ## Stop the local stack and remove all that was made here, environments included
	@if [ -e $(DEV) ]; then $(BIN)/python -m tools.local down; fi
	rm -rf .aws-sam .relay .tools .venv .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
