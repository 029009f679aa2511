# Everything this project can do on a developer's machine or in CI. Needs Python >= 3.11, git and make.
# Whatever is installed lies in .venv/ and .cache/ of this checkout; `make clean` removes all of it.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help install demo cdc test lint unit simulate integration cdc-test browser chart chart-rules chaos chaos-long campaign outage soak scaling fuzz asyncapi samples bench audit sbom format lock clean

PYTHON ?= python3
SEEDS ?= 2000
FUZZ_S ?= 600
WORKERS ?= 3
ARGS ?=

BIN := .venv/bin
INSTALLED := .venv/.installed
SUITE := .cache/json-schema-suite
AUDITOR := .cache/audit-venv/.installed
HELM := .cache/chart/bin/helm
PROMTOOL := .cache/chart/bin/promtool
FUZZER := .cache/fuzz-venv/.installed
RIVALS := .cache/bench-venv/quix/.installed .cache/bench-venv/arroyo/.installed

# The user's own uv when there is one, else a locked one of ours.
ifeq ($(shell command -v uv 2>/dev/null),)
UV := .cache/uv/bin/uv
OUR_UV := $(UV)
else
UV := uv
endif
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv-packages

COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --custom-compile-command "make lock" $(ARGS)

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

install: $(INSTALLED) ## install the locked packages (quick when nothing changed)

demo: install ## run everything on this machine: Kafka, a CXone sandbox, made-up events (ARGS="--events 1000 --keep")
	@$(BIN)/cxone-stream demo $(ARGS)

cdc: install ## from a PostgreSQL through Debezium to the sandbox, on this machine (ARGS="--rows 2000 --kills 1")
	@$(BIN)/python -m stream.sandbox.cdc $(ARGS)

test: postgresql-is-here lint unit simulate integration cdc-test chart chaos ## everything that CI runs

lint: install ## ruff, formatting, mypy --strict
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

unit: install $(SUITE)/.fetched ## tests without a network: examples, properties, layer rules
	$(BIN)/pytest --ignore=tests/integration --ignore=tests/chaos --ignore=tests/cdc --ignore=tests/browser --ignore=tests/chart -n 2 $(ARGS)

simulate: install ## seeded runs of the whole core on a virtual clock (SEEDS=2000)
	$(BIN)/python -m tests.simulator --seeds $(SEEDS) $(ARGS)

integration: install ## tests on a real Kafka and the sandbox, most of which wait (WORKERS=3)
	$(BIN)/pytest tests/integration -n $(WORKERS) $(ARGS)

browser: install ## the status page in a real Chromium (CHROMIUM=/usr/bin/chromium), under load and in an outage, by hand; takes its pictures
	$(BIN)/pytest tests/browser $(ARGS)

chart: install $(HELM) ## image and chart: the Dockerfile's steps, the chart rendered and judged by the schemas of Kubernetes
	$(BIN)/pytest tests/chart -n 2 $(ARGS)

chart-rules: install $(HELM) $(PROMTOOL) ## each alert fires and stays silent, by promtool, by hand (its build takes minutes)
	$(BIN)/python -m tests.chart.rules $(ARGS)

cdc-test: install postgresql-is-here ## 20,000 changes of a real PostgreSQL to datastores, with kill -9 in between (a minute)
	$(BIN)/pytest tests/cdc $(ARGS)

chaos: install ## kill -9 in full flow, crashes of brokers, on a real Kafka behind a fault proxy (3 minutes)
	$(BIN)/pytest tests/chaos -m chaos -rP $(ARGS)

chaos-long: install ## every other fault of docs/faults.md, by hand (20 minutes)
	$(BIN)/pytest tests/chaos -m long -rP $(ARGS)

campaign: install ## all faults mixed: a million events, 200 kills, 20 crashes of brokers, by hand (half an hour)
	@$(BIN)/python -m tests.chaos --publish docs/chaos campaign $(ARGS)

outage: install ## ten minutes of a dead API with input flowing, by hand (ARGS="--for-s 60" to try it)
	@$(BIN)/python -m tests.chaos --publish docs/chaos outage $(ARGS)

soak: install ## half an hour at 5,000 events/s with mild faults, by hand (ARGS="--for-s 60" to try it)
	@$(BIN)/python -m tests.chaos --publish docs/chaos soak $(ARGS)

scaling: install ## throughput of 1, 2 and 4 instances, and restarts under load, by hand (4 minutes)
	@$(BIN)/python -m tests.chaos --publish docs/chaos scaling $(ARGS)

samples: install ## a real trace and a real scrape, for docs/telemetry.md
	@$(BIN)/python -m tests.telemetry_samples

fuzz: install $(FUZZER) ## any bytes as a message, ten minutes (FUZZ_S=600; ARGS=FILE holds a case again)
	@.cache/fuzz-venv/bin/python -m tests.fuzz --for-s $(FUZZ_S) $(ARGS)

bench: install $(RIVALS) ## figures beside a floor and two rivals, 12 minutes; report in docs/bench/ (ARGS="--quick" to try it)
	@$(BIN)/python -m bench measure --publish docs/bench $(ARGS)

# `--strict`: without it an audit that could look up nothing says that nothing was found.
audit: install $(AUDITOR) ## known vulnerabilities of the locked packages; asks PyPI's list of advisories, by hand
	@.cache/audit-venv/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
	    --requirement requirements/run.txt --requirement requirements/dev.txt $(ARGS)

sbom: install $(AUDITOR) ## what the service is made of, from its lock: build/sbom.cdx.json (CycloneDX)
	@mkdir -p build
	@.cache/audit-venv/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml \
	    --output-reproducible --short-PURLs --output-file build/sbom.cdx.json requirements/run.txt
	@echo "build/sbom.cdx.json: $$(grep -c '"purl"' build/sbom.cdx.json) packages"

asyncapi: .cache/asyncapi/.installed ## parse docs/asyncapi.yaml by AsyncAPI's own parser, by hand (needs Node.js 18 or newer and npm)
	@cd .cache/asyncapi && node check.mjs $(CURDIR)/docs/asyncapi.yaml

format: install ## put the code into its one form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: install ## write the locks anew: packages and Kafka's jars (ARGS=--upgrade takes newer packages)
	$(COMPILE) --extra sandbox --group dev --output-file requirements/dev.txt pyproject.toml
	$(COMPILE) --extra sandbox --constraint requirements/dev.txt --output-file requirements/run.txt pyproject.toml
	$(COMPILE) --constraint requirements/dev.txt --output-file requirements/service.txt pyproject.toml
	$(COMPILE) --group wheel --constraint requirements/dev.txt --output-file requirements/wheel.txt
	$(COMPILE) --group chart --constraint requirements/dev.txt --output-file requirements/chart.txt
	$(COMPILE) --group uv --output-file requirements/uv.txt
	$(COMPILE) --group suite --output-file requirements/suite.txt
	$(COMPILE) --group fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt pyproject.toml
	$(COMPILE) --group audit --output-file requirements/audit.txt
	$(COMPILE) --group bench-quix --output-file requirements/bench-quix.txt
	$(COMPILE) --group bench-arroyo --output-file requirements/bench-arroyo.txt
	for list in kafka connect; do \
	    $(BIN)/python -m stream.sandbox.kafka_jars $$list > .cache/$$list-jars.sha256 && \
	    mv .cache/$$list-jars.sha256 stream/sandbox/$$list-jars.sha256 || exit 1; \
	done

clean: ## remove everything that these commands have made
	rm -rf .venv .cache build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

# The project itself is installed without a build environment of its own: the build backend is in the lock as well.
$(INSTALLED): pyproject.toml requirements/dev.txt | $(BIN)/python
	@echo "installing the locked packages into .venv/"
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.cache/bench-venv/%/.installed: requirements/bench-%.txt | $(INSTALLED)
	@echo "installing the locked packages of the benchmark's rival $* into .cache/bench-venv/$*/"
	@rm -rf $(@D)
	@$(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

.cache/audit-venv/.installed: requirements/audit.txt | $(INSTALLED)
	@echo "installing the locked auditor into .cache/audit-venv/"
	@rm -rf $(@D)
	@$(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

.cache/fuzz-venv/.installed: requirements/fuzz.txt | $(INSTALLED)
	@echo "installing the locked packages of the fuzzer into .cache/fuzz-venv/"
	@rm -rf $(@D)
	@$(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

.cache/chart-venv/.installed: requirements/chart.txt | $(INSTALLED)
	@echo "installing a Go toolchain and the schemas of Kubernetes into .cache/chart-venv/"
	@rm -rf $(@D)
	@$(UV) venv --quiet --python $(BIN)/python $(@D)
	@$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

.cache/chart/bin/%: tests/chart/modules.lock .cache/chart-venv/.installed | $(INSTALLED)
	@echo "building $* into .cache/chart/bin/ (minutes, once)"
	@$(BIN)/python -m tests.chart.modules $*
	@touch $@

# Locked by hashes alone: npm takes the packages from wherever this machine gets them.
.cache/asyncapi/.installed: tests/asyncapi/package.json tests/asyncapi/package-lock.json tests/asyncapi/check.mjs
	@echo "installing the locked packages of AsyncAPI's parser into .cache/asyncapi/"
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

# The official test suite lies in the source archive of `jsonschema`, whose hash the lock of the packages has anyway.
$(SUITE)/.fetched: requirements/dev.txt requirements/suite.txt | $(INSTALLED)
	@echo "fetching the JSON Schema Test Suite into $(SUITE)/"
	@rm -rf $(SUITE)
	@$(UV) venv --quiet --python $(BIN)/python $(SUITE)/venv
	@$(UV) pip sync --quiet --python $(SUITE)/venv/bin/python --require-hashes requirements/suite.txt
	@sed -n '/^jsonschema==/,/[^\\]$$/p' requirements/dev.txt > $(SUITE)/archive.txt
	@$(SUITE)/venv/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
	    --no-build-isolation --no-binary jsonschema --dest $(SUITE) --requirement $(SUITE)/archive.txt
	@rm -rf $(SUITE)/venv
	@touch $@

$(BIN)/python: | $(OUR_UV) python-is-new-enough
	@rm -rf .venv
	@$(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv

.cache/uv/bin/uv: requirements/uv.txt | python-is-new-enough
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) has no venv module, and there is no uv; on Debian or Ubuntu run: apt-get install python3-venv" >&2; \
	    exit 1; }
	@echo "installing uv into .cache/uv/"
	@$(PYTHON) -m venv --clear .cache/uv
	@.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r $<
	@touch $@

.PHONY: postgresql-is-here
postgresql-is-here: | $(INSTALLED)
	@$(BIN)/python -m stream.sandbox.postgres

.PHONY: python-is-new-enough
python-is-new-enough:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed, and $(PYTHON) is not; name one, for example: make PYTHON=python3.12" >&2; \
	    exit 1; }
