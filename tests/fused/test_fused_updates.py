"""The one-pass updates against Lasagne's rules on stock Theano."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import numpy as np
import pytest
import theano
import theano.tensor as T
from fused_tools import omp_threads
from lasagne import updates as lasagne_updates

from facekp.nets import optimizers
from facekp.fused.update_ops import Update, fuse

SHAPES = [(3, 2, 5, 5), (21, 17), (30,), (1, 1)]
NAMES = sorted(optimizers.OPTIMIZERS)


class Problem:
    """Parameters, gradients in shared variables, and one step of a rule on them."""

    def __init__(self, name, fused, dtype="float32", learning_rate=0.01):
        rng = np.random.RandomState(1)
        self.params = [theano.shared(rng.randn(*shape).astype(dtype), name="p%d" % i)
                       for i, shape in enumerate(SHAPES)]
        self.grads = [theano.shared(np.zeros(shape, dtype)) for shape in SHAPES]
        optimizer = optimizers.get(name)
        options = optimizer.options(learning_rate)
        self.updates = optimizer.rule(self.grads, self.params, **options)
        if fused:
            self.updates = fuse(name, self.updates, self.grads, self.params, options)
        self.step = theano.function([], [], updates=self.updates)

    def run(self, steps):
        """All parameters and states after `steps` steps."""
        rng = np.random.RandomState(2)
        for _ in range(steps):
            for grad, shape in zip(self.grads, SHAPES):
                grad.set_value(np.float32(rng.randn(*shape) * 10.0 ** rng.randint(-4, 1)))
            self.step()
        return [variable.get_value() for variable in self.updates]

    def update_ops(self):
        nodes = self.step.maker.fgraph.apply_nodes
        return [node.op for node in nodes if isinstance(node.op, Update)]


@pytest.mark.parametrize("name", NAMES)
def test_20_steps_agree_with_stock(name):
    # Theano reorders sums as it likes, so the last bit may differ; SGD leaves it nothing to reorder
    fused, stock = Problem(name, fused=True), Problem(name, fused=False)
    for ours, theirs in zip(fused.run(20), stock.run(20)):
        if name == "sgd":
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6 * np.abs(theirs).max())


@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_threads_gives_the_same_bits(name):
    problems = [Problem(name, fused=True), Problem(name, fused=True)]
    results = []
    for problem, threads in zip(problems, (1, 3)):
        with omp_threads(threads):
            results.append(problem.run(3))
    for one, three in zip(*results):
        np.testing.assert_array_equal(one, three)


def test_parameters_and_states_keep_their_memory():
    problem = Problem("adam", fused=True)
    assert [op.in_place for op in problem.update_ops()] == [True] * len(SHAPES)
    tensors = [v for v in problem.updates if v.ndim]

    def addresses():
        return [v.get_value(borrow=True, return_internal_type=True).ctypes.data for v in tensors]
    before = addresses()
    problem.run(1)
    assert addresses() == before


def test_an_old_value_that_is_asked_for_is_not_overwritten():
    p, grad = theano.shared(np.float32([1, 2])), theano.shared(np.float32([1, -1]))
    options = {"learning_rate": 0.5}
    stock = lasagne_updates.sgd([grad], [p], **options)
    step = theano.function([], p, updates=fuse("sgd", stock, [grad], [p], options))
    np.testing.assert_array_equal(step(), [1, 2])
    np.testing.assert_array_equal(step(), [0.5, 2.5])
    np.testing.assert_array_equal(p.get_value(), [0, 3])


def test_where_one_must_not_be_overwritten_the_others_are():
    p, q = (theano.shared(np.float32([1, 2])) for _ in range(2))
    grad, options = theano.shared(np.float32([1, -1])), {"learning_rate": 0.5}
    updates = fuse("sgd", lasagne_updates.sgd([grad] * 2, [p, q], **options), [grad] * 2, [p, q],
                   options)
    step = theano.function([], updates[p] - p, updates=updates)
    nodes = [node for node in step.maker.fgraph.apply_nodes if isinstance(node.op, Update)]
    assert sorted(node.op.in_place for node in nodes) == [False, True]
    np.testing.assert_array_equal(step(), [-0.5, 0.5])
    np.testing.assert_array_equal(p.get_value(), q.get_value())


def test_learning_rate_may_be_a_shared_variable():
    rate = theano.shared(np.float32(0.01))
    fused = Problem("adagrad", fused=True, learning_rate=rate)
    fused.run(1)
    before = fused.params[0].get_value()
    rate.set_value(np.float32(0))
    fused.run(1)
    np.testing.assert_array_equal(fused.params[0].get_value(), before)


def test_float64_is_left_to_stock():
    problem = Problem("adagrad", fused=True, dtype="float64")
    assert problem.update_ops() == []


def test_nan_gradient_reaches_the_parameter():
    problem = Problem("adagrad", fused=True)
    problem.grads[2].set_value(np.full(30, np.nan, "float32"))
    problem.step()
    assert np.isnan(problem.params[2].get_value()).all()


def test_gradient_of_another_shape_is_an_error_with_the_shapes():
    p, grad = theano.shared(np.zeros((3, 4), "float32")), T.fmatrix()
    options = {"learning_rate": 1.0}
    stock = lasagne_updates.sgd([grad], [p], **options)
    step = theano.function([grad], [], updates=fuse("sgd", stock, [grad], [p], options))
    with pytest.raises(ValueError) as raised:
        step(np.zeros((4, 3), "float32"))
    assert "(3, 4)" in str(raised.value) and "(4, 3)" in str(raised.value)
