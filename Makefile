# One command for each wish. Works with GNU make on Linux and macOS; `make setup` says what is missing.

PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test check hw bench attack audit fuzz power soak

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile

setup: ## put everything into .venv (the other targets do this themselves)
	@sh tools/setup.sh

demo: setup ## the whole story on this machine: pair, lock, heat, and what is refused
	@.venv/bin/carport demo

test: setup ## the test suite, with the coverage of gateway/
	@$(PYTHON) -m pytest -q -n 2 --cov --cov-report=term:skip-covered

check: setup ## ruff, mypy --strict, and the test suite
	@$(PYTHON) -m ruff check
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m mypy
	@$(PYTHON) -m mypy --config-file mypy-firmware.ini
	@$(PYTHON) -m mypy --config-file mypy-firmware.ini --platform esp32
	@$(MAKE) --no-print-directory test

hw: setup ## draw the harness and the schematic of every board, and the tables of docs/hardware.md
	@$(PYTHON) -m hw.draw

bench: setup ## measure on this machine, and write BENCHMARKS.md
	@$(PYTHON) -m tests.bench

attack: setup ## attack a gateway, and one without the defence that stops each attack
	@$(PYTHON) -m tests.attack

audit: setup ## capture what leaves the board, and search its flash (as root; FULL=1 for hours)
	@$(PYTHON) -m tests.audit

fuzz: setup ## coverage-guided fuzzing, and planted bugs that it must find (FUZZ_SECONDS=60)
	@$(PYTHON) -m tests.fuzz

power: setup ## cut the power at every operation of the flash, and kill the VM 200 times
	@CARPORT_POWER_EVERY=1 CARPORT_POWER_KILLS=200 $(PYTHON) -m pytest -q -s tests/power

soak: setup ## a simulated day and an hour of real time at a steady load (SOAK_MINUTES=60)
	@$(PYTHON) -m tests.soak
