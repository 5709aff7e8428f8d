"""Imports in any order: the engine is ready all the same."""
import subprocess
import sys

import pytest

CHECK = """
import theano, sys
assert theano.config.floatX == "float32", theano.config.floatX
assert sys.modules["theano"].__spec__.origin.endswith("__init__.py")
import lasagne.layers, nolearn.lasagne
import facekp.engine.ready
from facekp import fused
assert fused.enabled(), fused.why()
assert facekp.engine.ready.plan is not None
layers = [("input", lasagne.layers.InputLayer)]
nolearn.lasagne.NeuralNet(layers, input_shape=(None, 2)).get_params()
"""


FIRST = ["import theano.tensor as T", "from lasagne import layers", "import facekp.engine.ready",
         "import facekp.data, sklearn, nolearn.lasagne, theano"]

# Each in a process that has imported nothing but what takes long and is not prepared.
EACH = f"""
import os, sys
import facekp.engine.hook
import scipy.stats, sklearn.base
for first in {FIRST}:
    print(first, file=sys.stderr, flush=True)  # the last one is the one that failed
    if not os.fork():
        exec(first)
        exec({CHECK!r})
        os._exit(0)  # an error ends this process in the normal way
    assert os.wait()[1] == 0
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_whichever_comes_first(clean_env):
    run(EACH, clean_env)


def test_the_users_settings_win(clean_env):
    code = "import facekp.engine.hook, theano; assert theano.config.floatX == 'float64'"
    run(code, dict(clean_env, THEANO_FLAGS="floatX=float64"))


def test_an_engine_that_cannot_be_had_is_named(clean_env):
    done = subprocess.run([sys.executable, "-c", "import facekp.engine.hook, theano"],
                          env=dict(clean_env, FACEKP_DEVICE="gpu7"), stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode and "EngineError: device=gpu7" in done.stderr.splitlines()[-1]


def test_python_starts_without_theano(clean_env):
    run("import facekp.engine.hook, sys; assert 'theano' not in sys.modules; import numpy, pandas",
        clean_env)


def run(code, env):
    done = subprocess.run([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert done.returncode == 0, done.stderr


def test_the_environment_has_the_hook(clean_env):
    clean_env.pop("PYTHONPATH")  # as a user starts it, anywhere
    run("import sys; assert 'facekp.engine.hook' in sys.modules, 'set it up again: make env'",
        clean_env)
