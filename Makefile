# make demo   set up, then run the main job on built-in real data and leave a page open at http://127.0.0.1:8000
# make test   every test of the default suite
PORT ?= 8000
DATA ?= wines
export OMP_WAIT_POLICY = PASSIVE

.PHONY: demo test nightly setup check bench lint format clean
.DEFAULT_GOAL := demo

.venv/.ready: pyproject.toml constraints/cpu.txt scripts/setup
	scripts/setup
	@touch $@

setup: .venv/.ready

demo: .venv/.ready
	.venv/bin/zhiyin demo --data $(DATA) --port $(PORT)

.venv/.ready-dev: .venv/.ready
	scripts/setup dev
	@touch $@

test: .venv/.ready-dev
	.venv/bin/python -m pytest -n 2 --dist worksteal

lint: .venv/.ready-dev
	.venv/bin/ruff check src tests benchmarks
	.venv/bin/ruff format --check src tests benchmarks
	.venv/bin/mypy
	.venv/bin/lint-imports
	scripts/map --check

# What takes an hour: kills of every kind of work, among others. ZHIYIN_KILL_FOLDER keeps the state, so that a run goes on.
nightly: .venv/.ready-dev
	.venv/bin/python -m pytest -m nightly -s

check: lint test

format: .venv/.ready-dev
	.venv/bin/ruff check --fix src tests benchmarks
	.venv/bin/ruff format src tests benchmarks

# Speed on made data; quality needs folders of your own: benchmarks/quality/run.py --data FOLDER … --recipe NAME …
bench: .venv/.ready-dev
	.venv/bin/python benchmarks/speed/ingest.py
	.venv/bin/python benchmarks/speed/als.py
	.venv/bin/zhiyin demo --no-serve
	.venv/bin/python benchmarks/speed/serving.py --workspace .zhiyin/demo-wines

clean:
	rm -rf .venv .zhiyin .mypy_cache .ruff_cache .pytest_cache .hypothesis
