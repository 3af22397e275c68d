# Earshot's commands. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),1,0)

.PHONY: help run install install-dev test check format lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## Run everything in the foreground; Ctrl-C stops it all
	@EARSHOT_DEMO=$${EARSHOT_DEMO-1} exec $(BIN)/python -m config.stack run --end-with-parent

install: .venv/runtime-ready ## Make .venv with what running needs

install-dev: .venv/dev-ready ## Make .venv with what testing needs too

test: install-dev ## Run all tests on servers of their own
	@$$(ls $(BIN)/../lib/python3.*/site-packages/playwright/driver/node) --test tests/browser/*.test.mjs
	@EARSHOT_TEST_SERVERS=1 $(BIN)/python -m config.stack servers --temporary -- $(BIN)/python -m pytest $(if $(TESTS),$(TESTS),--cov)

check: install-dev ## Lint, types, import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@EARSHOT_SECRET_KEY=for-checking $(BIN)/mypy

format: install-dev ## Format the code
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

lock: install-dev ## Resolve the dependencies anew
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate --no-dev -o requirements.lock
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate -o requirements-dev.lock

clean: ## Remove .venv, caches and this checkout's data
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.venv/bin/uv: bootstrap.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12), (3, 13)) else f"Earshot needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is {v[0]}.{v[1]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@touch $@

# The development lock holds the runtime's and more; once it is installed, it is what is kept in step.
.venv/runtime-ready: requirements.lock .venv/bin/uv
	@if [ -e .venv/dev-ready ]; then $(MAKE) --no-print-directory .venv/dev-ready; else \
	  echo "Installing packages"; VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock; fi
	@touch $@

.venv/dev-ready: requirements-dev.lock .venv/bin/uv
	@echo "Installing packages, those for testing too"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock
	@touch $@ .venv/runtime-ready
