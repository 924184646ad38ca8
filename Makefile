# Everything a newcomer needs, each target doing its own set-up. `make` alone lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CLIENTS := tests/clients
SOURCES := graph nodes server tests bench

.PHONY: screenshots help setup embedded-model eval-embedded eval-lora demo test clients fuzz test-golden test-web bench-web web check format bench serve clean generated

help:
	@echo "make demo    a prompt becomes a picture, then one word changes"
	@echo "make test    all checks and tests"
	@echo "make clients published clients of ComfyUI, for the tests"
	@echo "make fuzz    100,000 hostile requests, none of which may be answered with a fault"
	@echo "make test-golden   whole workflows against reference results, on full-size models"
	@echo "make web     build the editor into server/static"
	@echo "make test-web      the editor's own tests, in a real browser too"
	@echo "make bench-web     the editor's timings and counts"
	@echo "make embedded-model   make the model that ships, from nothing, in hours (SMOKE=1: all of it in small, in a minute)"
	@echo "make eval-embedded    measure the model that ships"
	@echo "make eval-lora        train a LoRA on thirty pictures, and measure how well it learned them"
	@echo "make check   lint, format, types, import contracts"
	@echo "make bench   timings, as a table and as JSON"
	@echo "make bench-service   start, memory, resubmission, acceptance and restart of the service"
	@echo "make torture   kills, full disks and the like, quick; FULL=1 takes hours; ROWS=\"R1 R2\" some"
	@echo "make serve   the service on this machine"
	@echo "make format  put the sources in form"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	$(BIN)/python -m server.demo

check: setup
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

test: check
	-@$(MAKE) --no-print-directory clients || echo "clients of others cannot be installed: their tests are skipped"
	$(BIN)/pytest -n 2 -m "not (golden and slow)"
	@$(MAKE) --no-print-directory embedded-model SMOKE=1
	@$(MAKE) --no-print-directory test-web

# Published clients of ComfyUI, each in an environment of its own.
clients: $(CLIENTS)/.venv/.installed $(CLIENTS)/node_modules/.installed

$(CLIENTS)/.venv/.installed: $(CLIENTS)/requirements.txt
	$(PYTHON) -m venv $(CLIENTS)/.venv
	$(CLIENTS)/.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(CLIENTS)/node_modules/.installed: $(CLIENTS)/package-lock.json
	cd $(CLIENTS) && npm ci --silent
	@touch $@

# The model that ships, made by its workflows, each from what the one before has saved. What is stopped goes on where it was.
SITTINGS := 10
MADE := output
ifdef SMOKE
MADE := build/embedded-model/output
PLACES := --output $(MADE) --cache build/embedded-model/cache
SITTINGS := 2
FROM_NOTHING := --size nano --side 32 --large-side 32 --crop 32 --pictures 64 --large-pictures 64 --held-out 8 \
	--vocabulary 700 --captions 500 --vae-steps 16 --vae-batch 4 --vae-ema 0.9 --steps 24 --batch 4 --ema 0.9
IN_SMALL := --side 32 --pictures 32 --steps 8 --batch 4 --ema 0.9
CROP := --crop 32
HELD_OUT := --held-out 8
endif
TRAIN := $(BIN)/python -m server train workflows/training
newest = "$$(basename "$$(ls -t $(MADE)/checkpoints/$(1)_*.safetensors | head -1)")"

embedded-model: setup
	@$(if $(SMOKE),rm -rf build/embedded-model)
	$(TRAIN)/embedded_model.json $(PLACES) $(FROM_NOTHING)
	$(TRAIN)/autoencoder.json $(PLACES) $(IN_SMALL) $(CROP) $(HELD_OUT) --sittings 1 \
		--checkpoint $(call newest,embedded_model)
	$(TRAIN)/sitting.json $(PLACES) $(IN_SMALL) $(HELD_OUT) --sittings $(SITTINGS) --checkpoint $(call newest,autoencoder)
	$(TRAIN)/large_pictures.json $(PLACES) $(IN_SMALL) $(HELD_OUT) --checkpoint $(call newest,sitting)
	$(TRAIN)/few_steps.json $(PLACES) $(IN_SMALL) --checkpoint $(call newest,large_pictures)
	$(BIN)/python -m server run workflows/text_to_image.json $(PLACES) $(if $(SMOKE),--width 32 --height 32) --steps 4 \
		--set checkpoint.ckpt_name=$(call newest,few_steps) \
		--set sampler.cfg=1 --set sampler.scheduler=simple

# Adherence, fidelity and novelty of the model that ships, with their ceilings and floors, and the fixed sheet.
eval-embedded: setup
	$(BIN)/python -m nodes.training.evaluate

# How well the committed LoRA workflow teaches the model that ships a creature that it has never seen.
LORA := build/lora
eval-lora: setup
	$(BIN)/python -m server train workflows/training/lora.json --full-priority --output $(LORA)/output --cache $(LORA)/cache \
		--name loras/creature
	$(BIN)/python -m nodes.training.evaluate --prompts 120 --lora "$$(ls -t $(LORA)/output/loras/creature*.safetensors | head -1)"

fuzz: setup
	$(BIN)/python -m tests.torture --full R13

test-golden: setup
	$(BIN)/pytest -m "golden and slow" -rs

bench: setup
	$(BIN)/python -m bench

# The editor. Its built form is committed: nobody needs Node to use it.
NODE_OK := $(shell node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && echo yes)
MODULES := web/node_modules/.package-lock.json

$(MODULES): web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web: $(MODULES)
	cd web && npm run --silent build

ifeq ($(NODE_OK),yes)
test-web: setup $(MODULES)
	cd web && npm run --silent check && node scripts/build-info.mjs --check && npm test --silent
	@web/scripts/with-browser cd web '&&' npm run --silent e2e

bench-web: setup $(MODULES)
	@web/scripts/with-browser cd web '&&' npm run --silent bench

screenshots: setup $(MODULES)
	@web/scripts/with-browser cd web '&&' node scripts/run-ts.mjs scripts/screenshots.ts
else
test-web bench-web screenshots:
	@echo "SKIPPED: the editor's tests need Node 20 or newer, which is not here." >&2
endif

.PHONY: bench-service torture
bench-service: setup
	$(BIN)/python -m bench service --json bench-results/service.json

torture: setup
	$(BIN)/python -m tests.torture $(if $(FULL),--full) $(ROWS)

serve: setup
	$(BIN)/python -m server serve $(if $(PORT),--port $(PORT))

# Files that are generated from the sources and committed; tests say when one is stale.
generated: setup
	$(BIN)/python -m nodes.catalogue --write
	$(BIN)/python -m nodes.coverage
	$(BIN)/python -m graph.schema
	$(BIN)/python -m server.http.describe
	@if [ -d web/node_modules ]; then cd web && npm run --silent generate; else echo "web/src/generated needs: cd web && npm ci && npm run generate"; fi

format: setup
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf $(VENV) $(CLIENTS)/.venv $(CLIENTS)/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
