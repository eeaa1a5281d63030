# Every target can be run again at any time; what it needs of the set-up is part of each.
PYTHON ?= python3
MODEL  ?= build/quickstart
CORPUS ?= build/sample
BUNDLE ?= build/bundle
TEXT   ?= Angela Merkel met Emmanuel Macron in Paris, the United Nations said on Monday.
BIN    := .venv/bin

.PHONY: setup setup-integrations lock check test test-integrations fuzz train export tag serve bench gpu-check mutants

# Every file that is installed is held against its sha256 in lock/; of all that they need, nothing else comes. torch alone
# is pinned by version, since its builds differ by platform. uv is faster than pip, where it is there.
TORCH   := torch==$(shell sed -n 's/^torch==//p' constraints.txt)
UV      := $(shell command -v uv)
INSTALL := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/pip install --no-compile) --quiet
LOCKED  := $(INSTALL) --require-hashes --no-deps --no-build-isolation --requirement
NERVE   := $(INSTALL) --no-deps --no-build-isolation --editable .

# A stamp a group: make export waits for no package of the server, of the benchmarks or of the tests.
# TENSORRT=1 sets up what an NVIDIA GPU needs, and lets export build an engine for it; GPU=1 only sets up.
setup: .venv/made-dev $(if $(GPU)$(TENSORRT),.venv/made-gpu .venv/made-tensorrt)
.venv/made: lock/build.txt
	$(PYTHON) -m venv .venv
	$(LOCKED) lock/build.txt
	touch $@
# torch is downloaded and unpacked beside the others; what its build needs besides comes when they are there.
.venv/made-export: .venv/made lock/export.txt pyproject.toml constraints.txt
	$(BIN)/pip install --no-compile --quiet --no-deps $(TORCH) & torch=$$!; $(LOCKED) lock/export.txt && wait $$torch
	$(BIN)/pip install --no-compile --quiet $(TORCH)
	$(NERVE)
	touch $@
.venv/made-serve: .venv/made lock/serve.txt pyproject.toml
	$(LOCKED) lock/serve.txt
	$(NERVE)
	touch $@
.venv/made-bench: .venv/made-export lock/bench.txt
	$(LOCKED) lock/bench.txt
	touch $@
.venv/made-dev: .venv/made-export lock/dev.txt
	$(LOCKED) lock/dev.txt
	touch $@

# lock/ from the ranges of pyproject.toml and the versions of constraints.txt: all files of each release, for any platform.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' --no-emit-package torch --constraint constraints.txt
lock: .venv/made-dev
	$(COMPILE) lock/build.in --output-file lock/build.txt
	$(COMPILE) pyproject.toml lock/quickstart.in --extra train --extra export --extra openvino --output-file lock/export.txt
	$(COMPILE) pyproject.toml --extra serve --extra onnxruntime --extra openvino --output-file lock/serve.txt
	$(COMPILE) pyproject.toml --extra bench --output-file lock/bench.txt
	$(COMPILE) pyproject.toml lock/quickstart.in $(patsubst %,--extra %,train hub export openvino serve bench dev) \
		--output-file lock/dev.txt

# The packages of the extra gpu, one by one. onnxruntime and onnxruntime-gpu fill one folder: the one for GPUs, which
# runs on the CPU as well, is laid on top.
.venv/made-gpu: .venv/made-export
	$(BIN)/pip install --quiet --constraint constraints.txt \
		'onnxruntime-gpu[cuda,cudnn]>=1.31' 'nvidia-cublas>=13' 'cuda-python>=13'
	$(BIN)/pip install --quiet --constraint constraints.txt --force-reinstall --no-deps onnxruntime-gpu
	touch $@

# This package downloads from its vendor as it is installed, which may fail: that is the end for TENSORRT=1 alone.
.venv/made-tensorrt: .venv/made-gpu
	$(if $(TENSORRT),,-)$(BIN)/pip install --quiet --constraint constraints.txt 'tensorrt-cu13>=11,<12' && touch $@

# What tests marked `integration` need beside: real clients by PyPI and npm, and a browser, which the system brings.
setup-integrations: .venv/made-integrations
.venv/made-integrations: .venv/made-dev constraints-integrations.txt tests/integration/package.json
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

# A worker a CPU, up to two; a file's tests stay together, since they share what is slow to make.
test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-integrations: setup-integrations
	$(BIN)/python -m pytest -m 'integration and not slow'

# A million changed bundles, files, texts and requests must be refused or answered rightly; ends and goes on at any time.
fuzz: setup
	$(BIN)/python -m tests.fuzz --cases $(or $(CASES),1000000) $(ARGS)

# Changes of the mechanisms' code, by mutmut's operators, that no test notices; see docs/reliability.md.
mutants: setup
	$(BIN)/pip install --quiet mutmut==3.8.1
	$(BIN)/python -m tests.mutants $(ARGS)

train: setup
	$(BIN)/python -m train $(ARGS)

# Without a MODEL of your own, the quick-start checkpoint and its corpus are made first.
export: .venv/made-export $(if $(TENSORRT),.venv/made-gpu .venv/made-tensorrt) $(filter build/quickstart,$(MODEL)) \
		$(filter build/sample,$(CORPUS))
	@$(BIN)/python -m export --model $(MODEL) --corpus $(CORPUS) --output $(BUNDLE) $(if $(TENSORRT),--tensorrt) \
		$(if $(filter build/quickstart,$(MODEL)),--try-int8) \
		--text "$(TEXT)" $(ARGS)

build/quickstart: | .venv/made-export
	@$(BIN)/python -m train --preset quickstart --output $@ $(if $(wildcard $@.training/checkpoint-*),--resume)
build/sample: | .venv/made-export
	@$(BIN)/python -m train.corpus.sample --output $@

tag: .venv/made-export
	$(BIN)/python -m runtime.tag --bundle $(BUNDLE) "$(TEXT)"

serve: .venv/made-serve
	$(BIN)/python -m runtime.serve --bundle $(BUNDLE) $(ARGS)

# A machine whose image brings its own libraries needs no set-up: python3 -m bench gpu-check
gpu-check: .venv/made-gpu .venv/made-tensorrt
	$(BIN)/python -m bench gpu-check $(ARGS)

bench: .venv/made-bench
	$(BIN)/python -m bench $(BUNDLE) --corpus $(CORPUS) $(ARGS)
