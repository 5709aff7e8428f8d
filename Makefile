# Every command a person needs. `make` alone prints them.
# Variables, as in `make lenet EPOCHS=5 DEVICE=cuda0`:
#   PYTHON=   interpreter for the environment (Python 3.8 to 3.11; found by itself)
#   DATA=     folder with Kaggle's files          OUT=     folder for the runs
#   DEVICE=   cpu, cuda0, opencl0:0               EPOCHS= SEEDS= FOLDS=  the experiments' settings
#   ONLY=     some of an experiment's variants    NEW=1   start beside a run that is there
#   SPLIT=    random or grouped (near-duplicates stay on one side)
#   JOBS=     so many runs at a time, on shares of the cores
#   QUICK=1   few epochs, one fold, in OUT/quick
#   ARCH=     aarch64: make test-kernels for that processor, in qemu
#   CLUSTER=slurm  submit the runs as jobs; WAIT=1 waits for them, DRY_RUN=1 shows the scripts
#   CLUSTER_ARGS=  options of the jobs, before those in cluster.toml
#   ARGS=     anything more for the command

DATA ?= data/kaggle
OUT ?= runs
# an activated conda environment made by `make conda-env`, else a .venv in the project
VENV ?= $(if $(wildcard $(CONDA_PREFIX)/facekp-run.stamp),$(CONDA_PREFIX),.venv)
PY = $(VENV)/bin/python
ENV = $(VENV)/facekp-run.stamp
SETUP = requirements/setup.sh requirements/python.sh
TEST_ENV = $(VENV)/facekp-test.stamp
DOCS_ENV = $(VENV)/facekp-docs.stamp
CLUSTER_ENV = $(VENV)/facekp-cluster.stamp
# a value as one word for the shell, whatever is in it
quoted = '$(subst ','\'',$(1))'
FLAGS = --data $(call quoted,$(DATA)) --out $(call quoted,$(OUT)) \
	$(if $(EPOCHS),--epochs $(call quoted,$(EPOCHS))) \
	$(if $(SEED)$(SEEDS),--seeds $(call quoted,$(or $(SEEDS),$(SEED)))) \
	$(if $(FOLDS),--folds $(call quoted,$(FOLDS))) $(if $(ONLY),--only $(call quoted,$(ONLY))) \
	$(if $(SPLIT),--split $(call quoted,$(SPLIT))) $(if $(JOBS),--jobs $(call quoted,$(JOBS))) \
	$(if $(filter-out 0,$(QUICK)),--quick) $(FORCE_NEW) $(ON_CLUSTER) $(ARGS)
ON_CLUSTER = $(if $(CLUSTER),--cluster $(call quoted,$(CLUSTER))) \
	$(if $(CLUSTER_ARGS),--cluster-args $(call quoted,$(CLUSTER_ARGS))) \
	$(if $(filter-out 0,$(WAIT)),--wait) $(if $(filter-out 0,$(DRY_RUN)),--dry-run)
FORCE_NEW = $(if $(filter-out 0,$(NEW)),--force-new)
# a misspelt one would be ignored, and hours later somebody would notice
VARIABLES = PYTHON DATA OUT DEVICE EPOCHS SEED SEEDS FOLDS SPLIT ONLY JOBS QUICK NEW ARGS \
	CLUSTER CLUSTER_ARGS WAIT DRY_RUN \
	ARCH VENV TORCH CXX SHELL THEANO_FLAGS FACEKP_% OMP_% KAGGLE_%
UNKNOWN = $(filter-out $(VARIABLES),\
	$(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
ifneq ($(strip $(UNKNOWN)),)
$(error found $(strip $(UNKNOWN))=, expected some of $(VARIABLES); correct the name)
endif
ifneq ($(DEVICE),)
export FACEKP_DEVICE = $(DEVICE)
endif
# compare a given interpreter with the environment's, and mend an environment that has lost its own
ifneq ($(PYTHON)$(if $(wildcard $(PY)),,lost),)
export PYTHON
CHECK_PYTHON = check-python
check-python: ;
endif

.DEFAULT_GOAL = help
.PHONY: help env test docs test-kernels test-cuda test-faults info requirements conda-env clean
.PHONY: check-python gpu gpu-check page test-scenes test-cluster

help:  ## print the targets
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## /{printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@awk -F '"""' '/"""/ && !told[FILENAME]++ {name = FILENAME; gsub(/.*\/|\.py$$/, "", name); \
	gsub(/_/, "-", name); printf "make %-18s %s\n", name, $$2}' $(EXPERIMENTS) /dev/null

# ---- the environment -------------------------------------------------------------------------

env: $(ENV)  ## set up the environment (every other target does it by itself)
	@:

ifneq ($(CLUSTER),)
env: $(CLUSTER_ENV)
endif

$(ENV): requirements/build.txt requirements/run.txt setup.cfg $(SETUP) $(CHECK_PYTHON)
	@sh requirements/setup.sh "$(VENV)" run

$(TEST_ENV): requirements/test.txt $(ENV)
	@sh requirements/setup.sh "$(VENV)" test

$(CLUSTER_ENV): requirements/cluster.txt $(ENV)
	@sh requirements/setup.sh "$(VENV)" cluster

$(DOCS_ENV): requirements/docs.txt $(ENV)
	@sh requirements/setup.sh "$(VENV)" docs

docs: $(DOCS_ENV)  ## build the documentation, docs/_build/html/index.html; a warning is an error
	rm -rf docs/_build docs/api/generated  # pages of modules that are gone would stay
	$(PY) -m sphinx -W --keep-going -q -b html docs docs/_build/html $(ARGS)
	@echo "docs/_build/html/index.html"

# Bytecode is kept even if PYTHONDONTWRITEBYTECODE is set, as in many containers: without it, every
# process compiles the tests and what they import again, for half a minute in all.
test: $(TEST_ENV)  ## run the tests (ARGS="-k data" some, ARGS=--slow the slow ones, too)
	env -u PYTHONDONTWRITEBYTECODE $(PY) -m pytest -n auto --dist loadfile $(ARGS)

test-kernels:  ## run the C++ kernels' tests with sanitizers, at every vector width of this CPU
	@ARCH=$(if $(findstring command line,$(origin ARCH)),$(call quoted,$(ARCH))) sh tests/kernels/run.sh

$(VENV)/facekp-test-cuda.stamp: requirements/test-cuda.txt $(ENV)
	@sh requirements/setup.sh "$(VENV)" test-cuda

test-cuda: $(VENV)/facekp-test-cuda.stamp  ## compile every net's GPU kernels, without a GPU
	PYTHONPATH=.:tests $(PY) -m cuda.check $(ARGS)

test-faults: $(TEST_ENV)  ## kill 200 trainings, fuzz the loader, watch memory: some 15 minutes
	PYTHONPATH=.:tests $(PY) -m faults.campaign $(ARGS)
	PYTHONPATH=.:tests $(PY) -m faults.stopping
	PYTHONPATH=.:tests $(PY) -m faults.load
	FACEKP_FUZZ=100000 PYTHONPATH=.:tests $(PY) -m pytest tests/data/test_data_fuzz.py \
	tests/nets/test_weights_fuzz.py
	PYTHONPATH=.:tests $(PY) -m faults.report

test-scenes: $(ENV)  ## measure prediction on drawn scenes: the table in docs/photos.md
	PYTHONPATH=.:tests $(PY) -m scenes.measure $(ARGS)

page: $(ENV)  ## build the page that finds keypoints in a browser, build/page (needs npm)
	$(PY) -m facekp.cli page --out build/page $(ARGS)

test-cluster: $(TEST_ENV)  ## six disturbed runs on a real SLURM of two nodes on this machine (root)
	PYTHONPATH=.:tests $(PY) -m cluster.campaign $(ARGS)

info: $(ENV)  ## print versions, device, BLAS, threads and a measured speed
	$(PY) -m facekp.cli info

gpu: $(ENV)  ## pygpu, and NVRTC and cuBLAS where no toolkit is found; says what is missing
	@sh requirements/gpu.sh "$(VENV)"

gpu-check: $(ENV)  ## a GPU's numbers beside the CPU's, speed, memory (ARGS="--torch python3")
	$(PY) benchmarks/gpu.py $(ARGS)
	$(PY) benchmarks/gpu_table.py

conda-env:  ## the same environment with conda (GPU support included), named facekp
	@conda=$$(command -v mamba || command -v conda) || \
	{ echo "conda is not on PATH; install miniforge, or use make env" >&2; exit 1; }; \
	"$$conda" env update --name facekp --file environment.yml && \
	prefix=$$("$$conda" run --name facekp python -c 'import sys; print(sys.prefix)') && \
	sh requirements/setup.sh "$$prefix" run && \
	echo "Now: conda activate facekp, then make demo"

# .in files -> pinned and hashed .txt files, with uv
requirements:  ## pin the packages anew after a change of requirements/*.in
	cd requirements && for set in build run cluster test docs uv; do \
	uv pip compile --quiet --config-file uv.toml $$set.in --output-file $$set.txt || exit 1; done
	cd requirements && uv pip compile --quiet --config-file uv.toml --no-deps \
	test-cuda.in --output-file test-cuda.txt
	cd requirements && uv pip compile --quiet --config-file uv.toml --no-deps \
	gpu.in --output-file gpu.txt
	cd requirements && uv pip compile --quiet --config-file uv.toml \
	--fork-strategy requires-python predict.in --output-file predict.txt

clean:  ## remove the environment and what was built from the sources (never runs or data)
	rm -rf .venv .venv-benchmark .uv build docs/_build docs/api/generated *.egg-info .pytest_cache
	rm -rf facekp/predict/page/runtime
	find facekp experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the experiments -------------------------------------------------------------------------

# every file in experiments/ is a target, its name with dashes
EXPERIMENTS = $(wildcard experiments/*.py experiments/beyond/*.py)
target = $(subst _,-,$(basename $(notdir $(1))))
define experiment
.PHONY: $(call target,$(1))
$(call target,$(1)): $$(ENV) $$(if $$(CLUSTER),$$(CLUSTER_ENV))
	$$(PY) $(1) $$(FLAGS)
endef
$(foreach file,$(EXPERIMENTS),$(eval $(call experiment,$(file))))

.PHONY: demo data

demo: $(ENV)  ## the whole line on synthetic faces in about two minutes: net, curves, submission
	$(PY) experiments/lenet_augmented.py --data data/demo --out $(call quoted,$(OUT)/demo) \
	--only split-then-mirror-no-bn --epochs $(call quoted,$(or $(EPOCHS),18)) $(FORCE_NEW) $(ARGS)

data: $(ENV)  ## download Kaggle's files (needs an account there; says how)
	$(PY) -m facekp.cli data --data $(call quoted,$(DATA))

.PHONY: cluster-status cluster-cancel

cluster-status: $(ENV)  ## where the runs in OUT stand that CLUSTER=slurm submitted
	$(PY) -m facekp.cli cluster status --out $(call quoted,$(OUT)) $(ARGS)

cluster-cancel: $(ENV)  ## cancel those that wait or train; what they trained is kept
	$(PY) -m facekp.cli cluster cancel --out $(call quoted,$(OUT)) $(ARGS)

# ---- figures, the report, notebooks -----------------------------------------------------------

.PHONY: figures report notebooks results

figures: $(ENV)  ## every figure that the runs in OUT allow, PNG and PDF, in figures/
	$(PY) -m facekp.cli figures --data $(call quoted,$(DATA)) --out $(call quoted,$(OUT)) $(ARGS)

report: $(ENV)  ## all runs in OUT on one HTML page, report.html beside them
	$(PY) -m facekp.cli report --data $(call quoted,$(DATA)) --out $(call quoted,$(OUT)) $(ARGS)

results: $(ENV)  ## small files of the runs in OUT, in results/, and README's table of the nets
	$(PY) -m facekp.cli results --out $(call quoted,$(OUT)) $(ARGS)

notebooks: $(TEST_ENV)  ## execute the notebooks and store their outputs (from results/ alone)
	$(PY) notebooks/execute.py

# ---- the benchmarks --------------------------------------------------------------------------

TORCH = .venv-benchmark/bin/python

.PHONY: benchmark

benchmark: $(ENV) .venv-benchmark/facekp.stamp  ## speed beside stock Theano and PyTorch
	$(PY) benchmarks/run.py --torch $(TORCH) $(ARGS)
	$(PY) benchmarks/step.py
	$(PY) benchmarks/compile_time.py --torch $(TORCH)
	$(PY) benchmarks/prediction.py --torch $(TORCH)
	$(PY) benchmarks/photos.py
	$(PY) benchmarks/scaling.py
	$(PY) benchmarks/loading.py $(call quoted,$(DATA))
	$(PY) benchmarks/augmentation.py
	$(PY) benchmarks/table.py

.venv-benchmark/facekp.stamp: requirements/benchmark.txt | $(ENV)
	$(PY) -m venv --clear .venv-benchmark
	$(TORCH) -m pip install --quiet --disable-pip-version-check -r requirements/benchmark.txt
	@touch $@
