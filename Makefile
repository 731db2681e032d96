# make reproduce   derive, simulate, measure, report (about 11 minutes on two cores)
#                  RECOMPUTE=1: recorded results of longer runs, too (an hour in all)
# make test        the whole suite
# make figures     redraw the figures and the report from finished results
# make mutants     break the theory in 60 places and count who notices (about half an hour)
# make bench       time the engine against what one would use without it (six minutes)
# make lint        ruff and pyright
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: reproduce test figures mutants bench lint clean

reproduce: .venv/run
	@$(PY) -m experiments reproduce $(if $(RECOMPUTE),--recompute); status=$$?; \
	case $$status in 0|1) $(PY) -m figures || status=$$? ;; esac; exit $$status

figures: .venv/run
	@$(PY) -m figures

# two workers on two cores: more threads of XLA (NPROC) only wait for each other
test: .venv/test
	@NPROC=1 $(PY) -m pytest -n 2 --dist loadfile

mutants: .venv/test
	@$(PY) tests/mutants.py

bench: .venv-bench/run
	@.venv-bench/bin/python -m tests.bench

lint: .venv/test
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m pyright

.venv/bin/python:
	@$(PYTHON) -m venv .venv

.venv/run: requirements.txt | .venv/bin/python
	@$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt && touch $@

.venv/test: tests/requirements.txt requirements.txt | .venv/bin/python
	@$(PY) -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt && touch $@ .venv/run

.venv-bench/run: tests/bench/requirements.txt requirements.txt
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r tests/bench/requirements.txt && touch $@

clean:
	@rm -rf out
