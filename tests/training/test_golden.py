"""What a run computes is what it computed when TRAINING_VERSION was raised last.

Three steps of each net, through :func:`facekp.training.train`: on a machine like the one that
golden.json names, bit for bit on one thread; on others within :data:`TOLERANCE`. What surrounds the
nets (parser, cache, scaling, splits, errors) is the same on every machine.
"""
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import golden  # noqa: E402

TOLERANCE = 0.01
"""Relative. Another order of sums, as two threads in place of one, moves these numbers by up to
0.0015 in three steps: Adam's and RMSprop's first steps are as long where a gradient is next to
nothing, whose sign is a matter of rounding."""

GOLDEN = json.loads(golden.GOLDEN.read_text())
REMEDY = ("results have changed. If that was meant, raise TRAINING_VERSION in "
          "facekp/runs/version.py, say there what changed, and run "
          "`python tests/training/golden.py --write` on a machine like "
          f"{json.dumps(GOLDEN['machine'])}; if not, find what changed them")


@pytest.fixture(scope="module")
def measured():
    return golden.measure()


def test_what_surrounds_the_nets(measured):
    changed = [name for name, value in GOLDEN["data"].items()
               if measured["data"].get(name) != value]
    assert not changed, f"{', '.join(changed)}: {REMEDY}"
    assert set(measured["data"]) == set(GOLDEN["data"])
    assert measured["data"]["training.csv, parsed"] == measured["data"]["training.csv, cached"]


@pytest.mark.parametrize("name", golden.cases())
def test_three_steps(measured, name):
    found, expected = measured["nets"][name], GOLDEN["nets"][name]
    if measured["machine"] == GOLDEN["machine"]:
        changed = [file for file, value in expected["bits"].items()
                   if found["bits"][file] != value]
        assert not changed, f"{name}: {', '.join(changed)}: {REMEDY}"
    for key, value in expected["numbers"].items():
        assert found["numbers"][key] == pytest.approx(value, rel=TOLERANCE), (
            f"{name}: {key}: {REMEDY}")


def test_each_net_and_each_optimizer_is_there():
    from facekp.nets.models import MODELS
    from facekp.nets.optimizers import OPTIMIZERS

    settings = golden.cases().values()
    assert {case.model for case in settings} == set(MODELS)
    assert {case.optimizer for case in settings} == set(OPTIMIZERS)
