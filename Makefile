# Sets up .venv from requirements.lock and runs what is in it. `make help` lists the targets.
# ARGS goes to the command: make demo ARGS="--json"; make test ARGS="-k glob".
# PYTHON picks the interpreter; DEBIAN= (empty) leaves the machine's own packages alone.

ARGS ?=
# What `make images` calls its images, as in tycokit/stage:V2; the specs name 0.1.0.
TAG ?= 0.1.0
BASE ?=
# Debian packages that help, each with the program that shows it is there.
DEBIAN ?= bubblewrap:bwrap
# What the tests need besides: a browser for the widgets, strace for what a power cut leaves, and
# for container images two builders without a daemon and what makes their base.
BROWSER ?= chromium:chromium strace:strace buildah:buildah podman:podman runc:runc \
	debootstrap:debootstrap
# Each of these processes may have a JupyterLab and a browser.
PARALLEL := -n 2 --dist loadfile
UV := uv==0.13.9

# A shim on the PATH may exist and still fail, so each candidate is run.
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for python in python3.12 python3.11 python3.10 python3; do \
	"$$python" -c '$(USABLE)' >/dev/null 2>&1 && { echo "$$python"; break; }; done)

VENV := .venv
READY := $(VENV)/.ready
PIP := $(VENV)/bin/python -m pip --quiet --disable-pip-version-check --no-input
COMPILE = .venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--no-header --no-annotate --python-version 3.10 --group build pyproject.toml $(ARGS)

.PHONY: demo test check bench screenshots crash images venv debian browser lock clean help
.DEFAULT_GOAL := help

demo: $(READY) ## the main job: sample pictures through the five notebooks
	@$(VENV)/bin/tycokit demo $(ARGS)

test: $(READY) browser ## the tests
	@$(VENV)/bin/python -m pytest $(PARALLEL) $(ARGS)

check: $(READY) browser ## lint, format, types and the tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest $(PARALLEL) $(ARGS)

bench: $(READY) ## the benchmarks: a quarter of an hour on a quiet machine, and dvc from PyPI
	@$(VENV)/bin/python -m benchmarks $(ARGS)

screenshots: $(READY) browser ## pictures of the widgets, into docs/screenshots
	@$(VENV)/bin/python tests/widgets/screenshots.py $(ARGS)

crash: $(READY) ## 200 kills of pachd and its workers, and a minute of 16 clients (a quarter of an hour)
	@$(VENV)/bin/python -m pytest -m long tests/pachd $(ARGS)

images: ## container images of TAG, on BASE, by docker, podman or buildah; ARGS=stage: only that
	@'$(or $(wildcard $(VENV)/bin/python),$(PYTHON))' images/build.py --tag '$(TAG)' \
		$(if $(BASE),--base '$(BASE)') $(ARGS)

venv: $(READY) ## only the set-up, in .venv

# Packages whose lock line has not changed are left as they are, so doing this again is quick.
$(READY): requirements.lock pyproject.toml
	@'$(PYTHON)' -c '$(USABLE)' 2>/dev/null || { \
		echo 'tycokit needs Python 3.10, 3.11 or 3.12 with its venv module, and found none.' >&2; \
		echo 'On Debian and Ubuntu: apt-get install python3 python3-venv' >&2; \
		echo 'One that is elsewhere: make PYTHON=/path/to/python3 ...' >&2; exit 1; }
	@$(MAKE) --no-print-directory debian
	@$(VENV)/bin/python -c 'import pip' 2>/dev/null || '$(PYTHON)' -m venv --clear $(VENV)
	@echo "set-up: $$($(VENV)/bin/python --version) environment in $(VENV)"
	@echo 'set-up: packages of requirements.lock, checked by hash (3 GB: some minutes the first time)'
	@$(PIP) install --root-user-action=ignore --require-hashes --only-binary :all: -r requirements.lock
	@echo 'set-up: tycokit itself'
	@$(PIP) install --root-user-action=ignore --no-deps --no-build-isolation --editable .
	@touch $@

debian: ## the Debian packages that help: installed where that is possible, else named
	@missing=; for pair in $(DEBIAN); do \
		command -v "$${pair#*:}" >/dev/null 2>&1 || missing="$$missing $${pair%%:*}"; done; \
	[ -n "$$missing" ] || exit 0; \
	if ! command -v apt-get >/dev/null 2>&1; then root=none; \
	elif [ "$$(id -u)" = 0 ]; then root=; \
	elif sudo -n true 2>/dev/null; then root='sudo -n'; \
	else root=none; fi; \
	if [ "$$root" != none ]; then \
		echo "set-up: Debian packages$$missing"; \
		$$root apt-get update -qq </dev/null >/dev/null \
		&& $$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
			--no-install-recommends $$missing </dev/null >/dev/null && exit 0; \
	fi; \
	echo "set-up: without$$missing, which would help (sudo apt-get install$$missing)"

browser: $(READY)
	@$(MAKE) --no-print-directory debian DEBIAN='$(BROWSER)'

lock: ## pin again what pyproject.toml asks for; ARGS="--upgrade" takes newer versions
	@[ -x .venv-lock/bin/uv ] || '$(PYTHON)' -m venv .venv-lock
	@.venv-lock/bin/python -m pip --quiet --disable-pip-version-check install '$(UV)'
	@echo 'lock: requirements.lock, then requirements-stage.lock with the same versions'
	@$(COMPILE) --all-extras --output-file requirements.lock
	@$(COMPILE) --constraints requirements.lock --output-file requirements-stage.lock

clean: ## remove what these targets made
	rm -rf $(VENV) .venv-lock .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8
