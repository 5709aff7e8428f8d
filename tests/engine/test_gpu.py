"""Training on a gpuarray device gives the CPU's losses.

The device is ``opencl0:0`` unless FACEKP_TEST_DEVICE names another (``cuda0``): OpenCL on the CPU
runs the same graph as a GPU. See .ci/run for the Debian packages it takes.
"""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.gpu
DEVICE = os.environ.get("FACEKP_TEST_DEVICE", "opencl0:0")
TRAIN = """
import json, sys
import numpy as np
from facekp.engine import ready
from facekp.nets.models import MODELS

random = np.random.RandomState(0)
X = random.rand(4, 1, 96, 96).astype("float32")
y = random.uniform(-1, 1, (4, 30)).astype("float32")
losses = {}
for name, options in (("small_vgg", dict(dropout=False, width=4, num_dense_units=8,
                                         learning_rate=0.001)),
                      ("lenet5", dict(variant="classic", batch_norm=True))):
    net = MODELS[name](**options)
    net.initialize()
    losses[name] = [float(net.train_iter_(X, y)[0]) for step in range(4)]
print(json.dumps({"device": ready.theano.config.device, "losses": losses}))
"""


def run(device, env, code=TRAIN):
    return subprocess.run(
        [sys.executable, "-c", code], env=dict(env, FACEKP_DEVICE=device), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True,
    )


def need_device(env):
    probe = run(DEVICE, env, "import facekp.engine.ready")
    if probe.returncode:
        pytest.skip(probe.stderr.strip().splitlines()[-1])


@pytest.mark.slow
def test_losses_on_the_gpu_are_those_of_the_cpu(clean_env):
    need_device(clean_env)
    results = {}
    for device in ("cpu", DEVICE):
        done = run(device, clean_env)
        assert done.returncode == 0, done.stderr
        results[device] = json.loads(done.stdout.splitlines()[-1])
        assert results[device]["device"] == device
    for net, expected in results["cpu"]["losses"].items():
        assert results[DEVICE]["losses"][net] == pytest.approx(expected, rel=1e-3), net
        assert expected[0] != pytest.approx(expected[-1], rel=1e-2), "the steps changed nothing"


def test_a_device_that_cannot_be_had_is_an_error(clean_env):
    done = run("cuda99", clean_env, "import facekp.engine.ready")
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "EngineError: device=cuda99 cannot be used: " in last
