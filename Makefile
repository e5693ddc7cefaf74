# Every target installs what it needs. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help demo test test-whole faults test-full test-vllm e2e lint ui benchmark benchmark-real benchmark-ped2 benchmark-speed benchmark-bank benchmark-changes benchmark-live pretrain score watch clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Three files at a time on two cores, since some wait for servers and cameras; one thread each, since threads
# that share a core wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

export DAGSTER_HOME := $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
export RAY_USAGE_STATS_ENABLED := 0
export HF_HUB_DISABLE_TELEMETRY := 1
# Without its bytecode, each of the hundred processes of a test run compiles torch and Dagster anew.
unexport PYTHONDONTWRITEBYTECODE

help:  ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
	@# `pipelines` and `assets` are not installed, yet `dg` is typed in any folder
	@echo $(CURDIR) > $$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/traces_checkout.pth
	@touch $@

demo: $(STAMP)  ## build the whole graph on practice footage and print the result table
	@$(BIN)/python -m pipelines.run demo

benchmark: $(STAMP)  ## every row: streams, baselines, ablations, three pre-training seeds
	@$(BIN)/python -m pipelines.run benchmark

benchmark-real: $(STAMP)  ## real captions of UCF-Crime: make benchmark-real TRACES_REAL_DATA=folder
	@$(BIN)/python -m experiments real_captions

benchmark-ped2: $(STAMP)  ## UCSD Ped2, learned and measured: make benchmark-ped2 TRACES_REAL_DATA=folder
	@$(BIN)/python -m experiments ped2

benchmark-speed: $(STAMP)  ## feature extraction against the bare encoders, memory against length
	@$(BIN)/python -m benchmarks.extraction

benchmark-changes: $(STAMP)  ## what the commonest changes cost: seconds, and what is computed
	@$(BIN)/python -m benchmarks.changes

benchmark-bank: $(STAMP)  ## a million traces: the index against exact search, and a changed context
	@$(BIN)/python -m benchmarks.bank

benchmark-live: $(STAMP)  ## looped cameras through traces watch: what is scored, how late, what it takes
	@$(BIN)/python -m benchmarks.live

test: $(STAMP)  ## run the tests, three files at a time: some wait for servers
	@$(PYTEST)

test-whole: $(STAMP)  ## whole runs of the graph and of an installation of cameras, minutes each
	@$(PYTEST) -m whole

faults: $(STAMP)  ## strangers' files, full disks, kills, servers away: thousands, as a table (a quarter of an hour)
	@PYTHONPATH=tests:. $(BIN)/python -m faults

test-full: $(STAMP)  ## also run the classes of the paper profile at full size, with random weights
	@$(PYTEST) -m 'not vllm'

test-vllm: $(STAMP)  ## run the writer against vllm's own classes, in an environment of its own (.venv-vllm)
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-vllm
	@$(BIN)/uv pip install --quiet --python .venv-vllm/bin/python -e '.[dev,vllm]'
	@.venv-vllm/bin/python -m pytest -m vllm --timeout 900 tests/text

e2e: $(STAMP)  ## drive every user interface in a headless Chromium; pictures in reports/e2e
	@$(BIN)/python tests/e2e/walk_through.py
	@$(BIN)/python tests/e2e/live.py

lint: $(STAMP)  ## lint, format, imports, types, definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@PYTHONPATH=. $(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/dg check defs

ui: $(STAMP)  ## Dagster on 127.0.0.1:3000 and MLflow on 127.0.0.1:5000
	@$(BIN)/python -m pipelines.servers

watch: demo  ## watch four looped practice cameras over RTSP: a page with alarms on 127.0.0.1:8080
	@$(BIN)/traces watch --practice 4

pretrain: $(STAMP)  ## pre-train the pocket encoders anew (about an hour)
	@$(BIN)/python -m traces_core.practice.pretraining --seed 0 1 2

score: $(STAMP)  ## score your own videos: make score VIDEOS="a.mp4 b.mp4"
	@$(BIN)/traces score $(VIDEOS)

clean:  ## delete everything that was made (data, reports, runs); keeps the environment
	rm -rf data data-* reports reports-* mlruns.db mlruns.db.waiting mlartifacts
	find .dagster -mindepth 1 ! -name dagster.yaml -delete
