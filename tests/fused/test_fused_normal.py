"""Random first weights: numpy's numbers and numpy's next state, on any number of threads."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
from fused_tools import omp_threads

from facekp import fused
from facekp.fused import normal_ops
from facekp.fused.normal_ops import MANY, RandomState

pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())


def assert_same_state(one, other):
    for mine, theirs in zip(one.get_state(), other.get_state()):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("before", [0, 1, 624])  # numbers drawn before: none, one is kept, many
@pytest.mark.parametrize("n", [0, 1, 2, 3, 1000, 2**17 + 1])
def test_numbers_and_state_are_numpys(n, before):
    ours, numpys = np.random.RandomState(n), np.random.RandomState(n)
    assert np.array_equal(ours.normal(size=before), numpys.normal(size=before))
    expected = numpys.normal(0.5, 2.0, n).astype(np.float32)
    np.testing.assert_array_equal(normal_ops.draw(ours, n, 0.5, 2.0), expected)
    assert_same_state(ours, numpys)
    assert np.array_equal(ours.normal(size=3), numpys.normal(size=3))


def test_any_number_of_threads_gives_the_same():
    found = []
    for threads in (1, 3):
        with omp_threads(threads):
            found.append(normal_ops.draw(np.random.RandomState(2), 2**17, 0.0, 1.0))
    np.testing.assert_array_equal(*found)


def test_it_is_numpys_generator_with_many_numbers_of_float32():
    assert normal_ops.agrees()
    ours, numpys = RandomState(3), np.random.RandomState(3)
    shape = (2, MANY // 2)
    found, expected = ours.normal(size=shape), numpys.normal(size=shape)
    assert found.dtype == np.float32 and found.shape == shape
    np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert np.array_equal(ours.normal(0.1, 2, size=7), numpys.normal(0.1, 2, size=7))
    assert ours.normal() == numpys.normal() and ours.randint(99) == numpys.randint(99)


@pytest.mark.parametrize("reason", ["another logarithm", "no fused Ops"])
def test_elsewhere_numpy_draws(reason, monkeypatch):
    monkeypatch.setattr(normal_ops, "MANY", 1)
    monkeypatch.setattr(*(normal_ops, "agrees") if reason == "another logarithm" else
                        (normal_ops.status, "enabled"), lambda: False)
    assert np.array_equal(RandomState(3).normal(size=9), np.random.RandomState(3).normal(size=9))


def test_a_machine_that_rounds_otherwise_is_noticed(monkeypatch):
    draw = normal_ops.draw

    def otherwise(*args):
        return np.nextafter(draw(*args), np.float32(2))
    monkeypatch.setattr(normal_ops, "draw", otherwise)
    assert not normal_ops.agrees.__wrapped__()
