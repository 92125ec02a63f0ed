# make demo          evaluate two checkpoints of the embedded model and compare them
# make test          lint, types, and every test that needs no engine
# make test-engines  the tests that need real engines; nothing may be skipped
# Everything sets itself up; PYTHON names the interpreter (3.11 or later) to begin with.

PYTHON  ?= python3
WORKERS ?= 2
TORCH   ?= torch==2.13.0

VENV    := .venv
ENGINES := .venv-engines
VLLM    := .venv-vllm
FRAMES  := .venv-frameworks
HANDS   := .venv-openhands
HARBOR  := .venv-harbor
PEER    := .venv-peer
PROJECTS := kernel/pyproject.toml $(sort $(wildcard plugins/*/pyproject.toml))
PACKAGES := $(PROJECTS:/pyproject.toml=)
EDITABLE := $(foreach package,$(PACKAGES),--editable ./$(package))
# every engine beside the others: needs them all in one environment, vLLM's
PARITY   := plugins/olmo_eval_providers/tests/parity
# other evaluation frameworks, whose requirements do not go together with the engines'
FRAMED   := plugins/olmo_eval_external/tests
# the scaffold openhands and the eval harbor need Python 3.12, and environments of their own
HANDED   := plugins/olmo_eval_scaffolds/tests/openhands
HARBORED := plugins/olmo_eval_external/tests/harbor
NEWER     = $(shell for each in $(PYTHON) python3.12 python3.13 \
	$(HOME)/.pyenv/versions/3.1[2-9]*/bin/python; do $$each -c \
	'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$each && break; done)
CODE     := kernel plugins tests tools examples benchmarks conftest.py
CHECK_PYTHON := import sys; sys.exit(sys.version_info < (3, 11) and \
	"olmo-eval needs Python 3.11 or later; say which: make PYTHON=python3.12 ...")

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-engines test-openhands test-harbor bench bench-engines lint types format docs \
	lock dist sbom audit setup setup-engines clean

demo: setup
	@$(VENV)/bin/olmo-eval demo

setup: $(VENV)/.packages

test: lint
	$(VENV)/bin/python -m pytest -n $(WORKERS) -q -rs

lint: setup
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/ruff format --check $(CODE)
	$(MAKE) types

types: setup
	$(VENV)/bin/mypy $(foreach package,$(PACKAGES),$(package)/src)

test-engines: setup-engines
	$(ENGINES)/bin/python -m pytest -n $(WORKERS) -q -m "engine or slow" --engines --no-skips \
		--ignore $(PARITY) --deselect $(FRAMED)
	$(VLLM)/bin/python -m pytest -q --engines --no-skips $(PARITY)
	$(FRAMES)/bin/python -m pytest -n $(WORKERS) -q -m "engine or slow" --engines --no-skips $(FRAMED)

# What needs a Python 3.12; where there is none, these are not run, and it says so.
ifeq ($(NEWER),)
test-openhands test-harbor:
	@echo "$@: not run, for want of a Python 3.12 (python3.12 on the PATH)"
else
test-openhands: $(HANDS)/.packages
	$(HANDS)/bin/python -m pytest -q --engines --no-skips $(HANDED)

test-harbor: $(HARBOR)/.packages
	$(HARBOR)/bin/python -m pytest -q --engines --no-skips $(HARBORED)
endif

# The figures of the project beside lm-evaluation-harness and Inspect: benchmarks/RESULTS.md
bench: $(ENGINES)/.packages $(FRAMES)/.packages
	$(ENGINES)/bin/python benchmarks/bench.py --peers $(FRAMES)/bin

# The engines beside their rivals; the peer lives in an environment of its own.
bench-engines: $(VLLM)/.packages $(PEER)/.requirements
	$(VLLM)/bin/python benchmarks/hf_speed.py likelihood --peer-python $(PEER)/bin/python
	$(VLLM)/bin/python benchmarks/hf_speed.py generation --peer-python $(PEER)/bin/python
	$(VLLM)/bin/python benchmarks/vllm_overhead.py engine examples/tiny_model/checkpoints/step1000
	$(VLLM)/bin/python benchmarks/vllm_overhead.py server examples/tiny_model/checkpoints/step1000

setup-engines: $(ENGINES)/.packages $(VLLM)/.packages $(FRAMES)/.packages

format: setup
	$(VENV)/bin/ruff check --fix $(CODE)
	$(VENV)/bin/ruff format $(CODE)

# the reference pages, and the site in site/; a warning is an error
docs: setup
	$(VENV)/bin/python tools/cli_reference.py
	$(VENV)/bin/python tools/api_reference.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --quiet --strict

# Needs uv in the environment: $(VENV)/bin/python -m pip install uv
lock: setup
	$(VENV)/bin/python tools/lock.py

# sdists and wheels of every package
dist: setup
	$(VENV)/bin/python tools/distributions.py dist

# what is locked, as CycloneDX (requirements-engines.lock: `make sbom LOCK=...`)
LOCK ?= requirements.lock
sbom: setup
	$(VENV)/bin/cyclonedx-py requirements $(LOCK) --pyproject kernel/pyproject.toml \
		--mc-type application --output-reproducible --validate -o sbom.json

# known vulnerabilities of what is locked; asks an advisory service
audit: setup
	$(VENV)/bin/pip-audit --strict --disable-pip --require-hashes -r $(LOCK)

clean:
	rm -rf dist site sbom.json $(VENV) $(ENGINES) $(VLLM) $(FRAMES) $(HANDS) $(HARBOR) $(PEER) .demo

$(VENV)/.requirements: requirements.lock
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

$(ENGINES)/.requirements: requirements-engines.lock
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	test -x $(ENGINES)/bin/python || $(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements-engines.lock
	$(ENGINES)/bin/python -m pip install --quiet $(TORCH)
	@touch $@

$(VLLM)/.requirements: requirements-vllm.lock
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/python -m pip install --quiet --no-deps -r requirements-vllm.lock
	@touch $@

$(FRAMES)/.requirements: requirements-frameworks.lock
	@$(PYTHON) -c '$(CHECK_PYTHON)'
	test -x $(FRAMES)/bin/python || $(PYTHON) -m venv $(FRAMES)
	$(FRAMES)/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements-frameworks.lock
	$(FRAMES)/bin/python -m pip install --quiet $(TORCH)
	@touch $@

$(HANDS)/.requirements $(HARBOR)/.requirements: .venv-%/.requirements: requirements-%.lock
	test -x $(@D)/bin/python || $(NEWER) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --require-hashes --no-deps -r $<
	@touch $@

$(PEER)/.requirements:
	test -x $(PEER)/bin/python || $(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet $(TORCH)
	$(PEER)/bin/python -m pip install --quiet 'lm_eval[hf]==0.4.13'
	@touch $@

%/.packages: %/.requirements $(PROJECTS)
	$*/bin/python -m pip install --quiet --no-deps --no-build-isolation $(EDITABLE)
	@touch $@

.SECONDARY:
