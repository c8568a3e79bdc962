# Everything that Fixbench needs, from nothing but Python 3.11, make and git.
#
#   make reproduce   the locked environment, then every ablation and its report
#   make test        the same environment with the tools for development, then every check
#   make environment the locked environment alone, in .venv
#   make development the environment with the tools for development
#   make faults      kill, damage and fuzz small pipelines a hundred times and more: two hours
#   make checks      those checks that run no test: style, types, layers, workflow
#   make cluster     what runs jobs on a cluster, beside the environment
#   make site        the documentation as a site, in site/
#   make image       the image that jobs run in, for the container engine that answers
#   make wheels      the packages of that image into $(WHEELS), to build it without network
#   make lock        resolve envs/*.in into envs/*.lock again
#   make clean       remove the environment and what runs have written
#
# PYTHON=…         the Python 3.11 to use (default: python3.11, else python3)
# TORCH=cpu|cuda   the build of torch (default: cuda where nvidia-smi is, else cpu)
# SNAKEMAKE="…"    options for snakemake (default: --cores all)
# RUNTIME=…        docker, podman or apptainer, for make image (default: the first that answers)
# BASE_IMAGE=…     another base image that this machine has (default: the locked one)
# WHEELS=folder    what make wheels fills, and make image then installs from without network
# PYTEST="…"       options for pytest (default: one process per core)

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help environment development cluster reproduce checks test faults site image wheels lock clean

VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check --no-input
# The lock is complete, and setuptools comes out of it too: nothing unlocked is ever fetched.
INSTALL := $(PIP) install --progress-bar off --no-deps --no-build-isolation
ACTIVATE := source $(VENV)/bin/activate

is_3_11 = $(shell $(1) -c 'import sys; print(*["$(1)"] * (sys.version_info[:2] == (3, 11)))' 2>/dev/null)
PYTHON ?= $(firstword $(call is_3_11,python3.11) $(call is_3_11,python3))
ifndef TORCH
TORCH := $(if $(shell command -v nvidia-smi),cuda,cpu)
endif
SNAKEMAKE ?= --cores all
PYTEST ?= --numprocesses auto
UV_VERSION := 0.13.9

# What a user has set for other programs must not reach the locked environment.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export DVC_NO_ANALYTICS := 1

say = printf '\n== %s (%s)\n' "$(1)" "$$(date +%T)"
# The lines of a lock (the second argument) that pin a package (the first).
pin = <(sed -n '/^$(1)==/,/[^\\]$$/p' $(2))

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

# Stamps are made last and live in the environment: an interrupted installation starts afresh.
LOCKED := $(VENV)/.locked-$(TORCH)
PACKAGE := $(VENV)/.package
DEVELOPMENT := $(VENV)/.development

$(LOCKED): envs/torch-$(TORCH).lock
	@if [ "$$($(or $(PYTHON),false) -c 'import sys; print(*sys.version_info[:2])')" != "3 11" ]; then
	  echo 'error: Fixbench needs Python 3.11; install it, or name it: make PYTHON=/path/to/python3.11' >&2; exit 2
	fi
	$(call say,creating $(VENV))
	# The interpreter beneath an environment, in case this very environment is active.
	"$$($(PYTHON) -c 'import sys; print(sys._base_executable)')" -m venv --clear $(VENV)
	lock=envs/torch-$(TORCH).lock
	$(INSTALL) --quiet --require-hashes -r $(call pin,setuptools,$$lock)
	if [ $(TORCH) = cpu ] && ! $(INSTALL) --require-hashes -r $(call pin,torch,$$lock) |& tee $(VENV)/torch.log; then
	  grep -q 'No matching distribution found for torch' $(VENV)/torch.log || exit 1
	  printf '\n%s\n' "warning: pip finds no torch $$(sed -n 's/^torch==\([^ ]*\).*/\1/p' $$lock), the build without CUDA. To use it, name an index or a folder that has it in PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS, then run make clean and start again. Going on with envs/torch-cuda.lock, which runs without a GPU too and takes several GB." >&2
	  lock=envs/torch-cuda.lock
	fi
	$(call say,installing $$lock)
	$(INSTALL) --require-hashes -r $$lock
	$(PIP) check
	echo $$lock > $@

$(PACKAGE): $(LOCKED) pyproject.toml
	@$(call say,installing fixbench)
	$(INSTALL) --quiet --editable .
	# DVC compares metrics between commits; .dvc/config tells it to do without git, as in a copy that has none.
	if git rev-parse --git-dir &>/dev/null; then $(VENV)/bin/dvc config --quiet --local core.no_scm false; fi
	touch $@

$(DEVELOPMENT): $(PACKAGE) envs/dev.lock
	@$(call say,installing envs/dev.lock)
	$(INSTALL) --require-hashes -r envs/dev.lock
	touch $@

environment: $(PACKAGE)

# Executors that Snakemake imports at every start: only where jobs run on a cluster.
cluster: $(PACKAGE) envs/cluster.lock
	@$(call say,installing envs/cluster.lock)
	$(INSTALL) --require-hashes -r envs/cluster.lock

development: $(DEVELOPMENT)

reproduce: environment
	@$(ACTIVATE)
	$(call say,snakemake $(SNAKEMAKE))
	snakemake $(SNAKEMAKE)

# .pre-commit-config.yaml has a hook for each of these commands; a test compares the two.
checks: development
	@$(ACTIVATE)
	$(call say,ruff)
	ruff check .
	ruff format --check .
	$(call say,mypy)
	mypy
	$(call say,import-linter)
	lint-imports --no-logo
	$(call say,snakefmt)
	snakefmt --check Snakefile src ablations
	$(call say,snakemake --lint)
	snakemake --lint

test: checks
	@$(ACTIVATE)
	$(call say,pytest)
	pytest $(PYTEST)

faults: development
	@$(ACTIVATE)
	$(call say,tests/faults)
	FIXBENCH_FAULTS=long pytest tests/faults
	python -m tests.faults.fuzz --minutes 10

image: environment
	@$(ACTIVATE)
	$(call say,image torch-$(TORCH))
	fixbench image build torch-$(TORCH) --runtime $(or $(RUNTIME),auto) $(if $(BASE_IMAGE),--base $(BASE_IMAGE)) $(if $(WHEELS),--wheels $(WHEELS))

wheels: environment
	@$(call say,downloading envs/torch-$(TORCH).lock into $(or $(WHEELS),wheels))
	$(PIP) download --progress-bar off --quiet --no-deps --no-build-isolation --require-hashes -r envs/torch-$(TORCH).lock --dest $(or $(WHEELS),wheels)

# Both builds of torch share all other versions, and so do the tools for development.
lock:
	@python="$(or $(PYTHON),python3)"
	"$$python" -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv==$(UV_VERSION)
	# uv does not read pip's configuration, where the folder of the CPU build may stand.
	links="$${PIP_FIND_LINKS:-$$(.venv-lock/bin/python -m pip config get global.find-links 2>/dev/null || true)}"
	compile() { .venv-lock/bin/uv pip compile --quiet --generate-hashes --no-annotate --python-version 3.11 --python-platform x86_64-unknown-linux-gnu --custom-compile-command 'make lock' "$$@" >/dev/null; }
	torch=$$(sed -n 's/^torch==//p' envs/torch.in)
	$(call say,envs/torch-cpu.lock)
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$${links// /,}}" compile envs/torch.in -c <(echo "torch==$$torch+cpu") -o envs/torch-cpu.lock
	shared=$$(mktemp); trap 'rm -f "$$shared"' EXIT
	sed -n '/^torch==/d; s/^\([a-z].*==[^ ]*\).*/\1/p' envs/torch-cpu.lock > "$$shared"
	$(call say,envs/torch-cuda.lock)
	compile envs/torch.in -c "$$shared" -o envs/torch-cuda.lock
	$(call say,envs/dev.lock)
	compile envs/dev.in -c "$$shared" -o envs/dev.lock
	$(call say,envs/cluster.lock)
	compile envs/cluster.in -c "$$shared" -o envs/cluster.lock
	rm -rf .venv-lock
	# The images are declared by these files.
	$(VENV)/bin/python -m fixbench image lock || echo 'then run: fixbench image lock'

site: $(DEVELOPMENT)
	$(VENV)/bin/mkdocs build --quiet --site-dir site
	@$(call say,site/index.html)

clean:
	rm -rf $(VENV) .venv-lock .snakemake .fixbench results logs build site wheels .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	git clean -fdXq reports
