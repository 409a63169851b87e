# Every target does the set-up it needs; a second call does nothing twice.
.DEFAULT_GOAL := help
.PHONY: help setup build test demo bench lint fuzz asan-test kill-test tsan-test format clean
MAKEFLAGS += --no-print-directory

help:
	@echo "make demo       from real recordings to a speaking voice; ends with demo/report.html"
	@echo "make test       all tests: the whole program, and the torch-free half under sanitizers"
	@echo "make build      set-up and build alone: build/timbre, build/timbre-torch"
	@echo "make bench      how fast, beside what you would use instead"
	@echo "make lint       formatting, clang-tidy, layers, lengths, documents"
	@echo "make format     clang-format over what git tracks"
	@echo "make fuzz       every parser of foreign bytes under libFuzzer, FUZZ_S=60 seconds each"
	@echo "make asan-test  the torch-free half under AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make tsan-test  the torch-free half under ThreadSanitizer"
	@echo "make kill-test  200 kills of training runs, each continued to the bit (long)"
	@echo "make clean      remove the build folders (not .venv)"

setup:
	@tools/setup.sh

build: setup
	@tools/build.sh release

test: setup
	@tools/test.sh

demo: build
	@demo/run.sh

bench: build
	@.venv/bin/python bench/run.py

lint:
	@tools/setup.sh --lint
	@tools/lint.sh

format:
	@tools/setup.sh --lint
	@git ls-files '*.cpp' '*.h' | xargs clang-format -i

fuzz:
	@tools/setup.sh --fuzz
	@tools/fuzz.sh $(or $(FUZZ_S),60)

asan-test: setup
	@tools/test.sh asan

tsan-test: setup
	@tools/test.sh tsan

kill-test: build
	@.venv/bin/python tests/kill/run.py --kills 200
	@for model in hifigan vocos small_codec; do .venv/bin/python tests/kill/run.py --kills 50 --model $$model --steps 16 || exit 1; done

clean:
	rm -rf build build-asan build-tsan build-dev build-fuzz
