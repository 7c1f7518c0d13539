# The front door: everything a new machine needs, in one word. `make help` lists the words.
#
# The tree is built by CMake and Ninja; this file only calls them in order, so `make -j` is not needed.
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.DEFAULT_GOAL := help

# A file that includes LibTorch takes about 1.5 GB to compile.
JOBS ?= $(shell awk -v cores=$$(nproc) '/^MemAvailable/ {n = int($$2 / 1500000)} \
	END {n = n < cores ? n : cores; print n < 1 ? 1 : n}' /proc/meminfo)
LEFT_OUT := fuzz|soak|gpu

PREFIX ?= /usr/local
BUNDLE ?= build/xp-bundle

# For machines without a GPU: the kind for CUDA beside the one that is used.
CUDA ?= .deps/libtorch-cuda

.PHONY: help setup build build-tests install bundle quickstart test setup-tests test-asan test-fuzz \
	test-cuda-build build-gpu test-gpu build-fuzz fuzz soak headers clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

quickstart: ## set up, build, run experiments/quickstart.toml: ends with its report
	@echo "quickstart: 1. installs the packages that are missing (up to 100 MB to download)"
	@echo "            2. unpacks LibTorch into .deps, unless it is there (540 MB to download)"
	@echo "            3. builds build/xp and build/xp-engine (8 minutes on 2 idle cores)"
	@echo "            4. runs the experiment (28 MB to download, 4 minutes)"
	@echo "            After an interruption it resumes where it was: run it again."
	@$(MAKE) build
	build/xp run experiments/quickstart.toml

setup: ## install what is missing: packages, Catch2 3, LibTorch (.deps)
	@scripts/setup.sh

build: setup ## set up and build build/xp and build/xp-engine
	@cmake --preset release --log-level=WARNING -Wno-dev >/dev/null
	@ninja -C build -j $(JOBS) programs

build-tests: build
	@ninja -C build -j $(JOBS)

bundle: build ## copy the programs and all they need to build/xp-bundle, which runs on other machines
	@scripts/bundle.sh $(BUNDLE) $(PLUGINS)

install: build ## install the programs and what plug-ins are built with, below PREFIX
	@cmake --install build --prefix $(PREFIX) >/dev/null
	@echo "installed below $(PREFIX); xp-engine uses LibTorch where it lies now (docs/plugins.md)"

test: build-tests setup-tests ## build and run all tests but fuzz, soak and gpu
	@status=0; \
	ctest --test-dir build -LE '$(LEFT_OUT)' --output-on-failure --no-tests=error -j 2 || status=1; \
	$(MAKE) test-asan || status=1; \
	$(MAKE) test-fuzz || status=1; \
	$(MAKE) test-cuda-build || status=1; \
	exit $$status

# Downloads 3 GB the first time, and takes about a minute and a half besides (docs/gpu.md).
test-cuda-build: build ## compile libxp_cuda.so for all GPUs, load it without one
	@scripts/get-libtorch.sh --check cuda || scripts/get-libtorch.sh cuda $(CUDA)
	@cmake --preset release --log-level=WARNING -Wno-dev -DLibTorch_CUDA_ROOT=$(CURDIR)/$(CUDA) >/dev/null
	@ninja -C build -j $(JOBS) xp_cuda xp_cuda_test xp_nccl_links_test
	ctest --test-dir build -R '^cuda: ' --output-on-failure --no-tests=error

build-gpu:
	@scripts/setup.sh cuda
	@cmake --preset release --log-level=WARNING -Wno-dev >/dev/null
	@ninja -C build -j $(JOBS) programs gpu

test-gpu: build-gpu ## on a machine with a GPU: compare it with the CPU, 6 minutes at most
	python3 bench/gpu/steps.py test

test-asan: setup
	@cmake --preset asan --log-level=WARNING -Wno-dev >/dev/null
	@ninja -C build-asan -j $(JOBS)
	ctest --preset asan -j 2

setup-tests: setup
	@scripts/setup.sh tests

build-fuzz: setup-tests
	@cmake --preset fuzz --log-level=WARNING -Wno-dev >/dev/null
	@cmake --build --preset fuzz -j $(JOBS)

test-fuzz: build-fuzz
	ctest --preset fuzz -j 2

fuzz: build-fuzz ## ten minutes of texts made by libFuzzer for each reader of foreign files
	ctest --test-dir build-fuzz -L fuzz --output-on-failure -j 2

soak: build-tests ## run the tests labelled soak: long, on a quiet machine
	ctest --test-dir build -L soak --output-on-failure

headers: build-tests ## compile every header alone
	@ninja -C build -j $(JOBS) all_verify_interface_header_sets

clean: ## remove the build folders; .deps and workspaces stay
	rm -rf build build-asan build-dev build-fuzz
