"""Children that are forked after their parent has computed: they must compute, not wait."""
import subprocess
import sys

import pytest

PARENT = """
import os, sys
import numpy as np
import facekp.engine.ready
import theano, theano.tensor as T
from lasagne.layers import DenseLayer, InputLayer
from facekp import fused

X = T.fmatrix()
layer = DenseLayer(InputLayer((None, 64), X), 64)
compute = theano.function([X], fused.get_output(layer), mode=fused.mode())
x = np.ones((512, 64), np.float32)
expected = compute(x)


def child(x):
    return compute(x)


def multiprocessing_pool():
    import multiprocessing
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.map(child, [x])[0]


def joblib_parallel():
    import joblib
    return joblib.Parallel(2, backend="multiprocessing")(joblib.delayed(child)(x)
                                                         for _ in range(2))[1]


def os_fork():
    pid = os.fork()
    if not pid:
        os._exit(0 if np.allclose(compute(x), expected) else 1)
    return expected if os.waitpid(pid, 0)[1] == 0 else None


if __name__ == "__main__":
    for way in (multiprocessing_pool, joblib_parallel, os_fork):
        print(way.__name__, flush=True)  # the last one is the one that waits, or is wrong
        assert np.allclose(way(), expected) and np.array_equal(compute(x), expected)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_forked_child_computes(clean_env, tmp_path):
    """In all three ways of forking, after which their parent computes too."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    done = subprocess.run([sys.executable, str(script)], env=dict(clean_env, OMP_NUM_THREADS="2"),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=100)
    assert done.returncode == 0, done.stdout
