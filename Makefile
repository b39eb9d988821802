# The front door. Everything below is CMake + Ninja + CTest (CMakePresets.json); each target may be
# called on a fresh clone, it sets up what it needs. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := build
JOBS ?= 2
TEST_JOBS ?= 3 # of two cores: many tests wait
SCALE ?= 1
KILLS ?= 100
T ?=
X ?=
CTEST = ctest --output-on-failure --no-tests=error -j$(TEST_JOBS) $(if $(T),-R '$(T)') $(if $(X),-E '$(X)')

# $(call build-preset,PRESET,FOLDER,TARGETS): no targets is all
define build-preset
	@test -f $(2)/build.ninja || cmake --preset $(1)
	@cmake --build $(2) -j $(JOBS) $(if $(3),--target $(3))
endef

.PHONY: help setup setup-test setup-dev build test test-spark test-kit crash asan tsan fuzz bench bench-ask lint format demo demo-stop clean
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## install what the build needs (seconds when nothing is missing)
	@tools/setup build
setup-test:
	@tools/setup test
setup-dev:
	@tools/setup dev

build: setup ## build/lakehouse (the default)
	$(call build-preset,release,build,lakehouse staffing_gen)

test: setup-test ## all tests, or one: make test T=config; or but some: X=crash
	$(call build-preset,release,build)
	@$(CTEST) --test-dir build

test-spark: setup-test ## Spark and the others in one lake; says "skipped" where Java or Maven is not installed
	$(call build-preset,release,build,lakehouse)
	@tools/setup-spark || true
	@tools/pytest tests/api/spark || [ $$? = 77 ]

test-kit: setup-test ## Iceberg's own compatibility kit; says "skipped" where Java or Maven is not installed
	$(call build-preset,release,build,lakehouse)
	@tools/setup-kit || true
	@tools/pytest tests/api/kit || [ $$? = 77 ]

crash: setup-test ## every test that kills the server, KILLS (100) times each step
	$(call build-preset,release,build,lakehouse)
	@LAKEHOUSE_KILLS=$(KILLS) tools/pytest tests/api/test_crash.py tests/api/test_maintenance.py \
		tests/api/test_schema.py tests/api/test_idempotency.py tests/api/test_journal.py \
		tests/api/test_models.py tests/api/test_vectors_kills.py tests/api/test_vectors_beside.py tests/api/test_vectors_trials.py \
		tests/api/test_vectors_lance.py -s -k 'crash or kill'

asan: setup-test ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call build-preset,asan,build-asan)
	@$(CTEST) --test-dir build-asan

tsan: setup-test ## the tests under ThreadSanitizer
	$(call build-preset,tsan,build-tsan)
	@$(CTEST) --test-dir build-tsan

fuzz: setup-dev ## every fuzzer for FUZZ_SECONDS (60)
	$(call build-preset,fuzz,build-fuzz)
	@tools/fuzz build-fuzz

bench: setup-test ## figures against DuckDB, FAISS, hnswlib, USearch, LanceDB on this machine
	$(call build-preset,release,build)
	@tools/bench

bench-ask: setup-test ## how right Ask is, by 60 questions: make bench-ask MODEL=http://host:8000/v1=name, or a .gguf
	$(call build-preset,release,build,lakehouse staffing_gen)
	@tools/bench ask $(if $(MODEL),--model $(MODEL))

lint: setup-dev ## clang-tidy, the banned functions, the layers
	$(call build-preset,clang,build-clang)
	@tools/lint build-clang

format: setup-dev ## clang-format on what changed since HEAD
	@tools/format

demo: ## the staffing lake: build, load, ask, leave running (SCALE=0.01 for the hurried)
	@SCALE=$(SCALE) tools/demo

demo-stop: ## stop what make demo left running
	@tools/demo stop

clean: ## remove the build folders (not .deps/, not .venv/, not the demo's lake)
	@tools/demo stop >/dev/null 2>&1 || true
	rm -rf build build-asan build-tsan build-fuzz build-clang demo/files
	@[ ! -d demo/lake ] || echo "demo/lake stays, it may hold what you loaded: rm -rf demo removes it"
