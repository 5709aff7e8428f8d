"""The update rules against plain numpy in double precision, step by step."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

from collections import OrderedDict

import lasagne
import numpy as np
import pytest
import theano

from facekp.nets import optimizers
from facekp.errors import ConfigError

SHAPES = {"W": (7, 5), "b": (5,)}
STEPS = 20
RATE = 0.01


def sgd(p, g, t, state):
    return p - RATE * g


def nesterov_momentum(p, g, t, state):
    v = state["velocity"] = 0.9 * state["velocity"] - RATE * g
    return p + 0.9 * v - RATE * g


def adagrad(p, g, t, state):
    state["accu"] = state["accu"] + g ** 2
    return p - RATE * g / np.sqrt(state["accu"] + 1e-6)


def rmsprop(p, g, t, state):
    state["accu"] = 0.9 * state["accu"] + 0.1 * g ** 2
    return p - RATE * g / np.sqrt(state["accu"] + 1e-6)


def adam(p, g, t, state):
    state["m"] = 0.9 * state["m"] + 0.1 * g
    state["v"] = 0.999 * state["v"] + 0.001 * g ** 2
    rate = RATE * np.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
    return p - rate * state["m"] / (np.sqrt(state["v"]) + 1e-8)


REFERENCES = {rule.__name__: rule for rule in (sgd, nesterov_momentum, adagrad, rmsprop, adam)}


def gradients(steps):
    """Gradients of very different sizes, as training has them."""
    rng = np.random.RandomState(2)
    for _ in range(steps):
        yield {name: np.float32(rng.randn(*shape) * 10.0 ** rng.randint(-4, 1))
               for name, shape in SHAPES.items()}


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_20_steps_against_numpy(name):
    rng = np.random.RandomState(1)
    params = [theano.shared(np.float32(rng.randn(*shape)), name=p) for p, shape in SHAPES.items()]
    grads = [theano.shared(np.zeros(shape, "float32")) for shape in SHAPES.values()]
    optimizer = optimizers.get(name)
    updates = optimizer.update(grads, params, **optimizer.options(learning_rate=RATE))
    step = theano.function([], [], updates=updates)
    found = OrderedDict((variable.name, variable) for variable in updates)

    values = {p.name: np.float64(p.get_value()) for p in params}
    states = {p: {slot: np.zeros(SHAPES[p]) for slot in optimizer.slots} for p in SHAPES}
    for t, batch in enumerate(gradients(STEPS), 1):
        for variable, p in zip(grads, SHAPES):
            variable.set_value(batch[p])
            values[p] = REFERENCES[name](values[p], np.float64(batch[p]), t, states[p])
        step()
        for p in SHAPES:
            # parameters are around 1 and float32: 20 roundings of 6e-8
            np.testing.assert_allclose(found[p].get_value(), values[p], rtol=0, atol=2e-6)
            for slot, expected in states[p].items():
                np.testing.assert_allclose(found[p + "." + slot].get_value(), expected,
                                           rtol=1e-5, atol=1e-6 * abs(expected).max())
    assert set(found) == set(SHAPES) | {p + "." + s for p in SHAPES for s in optimizer.slots} | (
        {"t"} if name == "adam" else set())


@pytest.mark.parametrize("name, first_step", [
    ("sgd", 0.01 * 1e-4),
    ("nesterov_momentum", 0.01 * 1e-4 * 1.9),
    ("adagrad", 0.01 * 1e-4 / np.sqrt(1e-8 + 1e-6)),          # epsilon inside of the root
    ("rmsprop", 0.01 * 1e-4 / np.sqrt(1e-9 + 1e-6)),
    ("adam", 0.01 / (1 + 1e-8 / np.sqrt(0.001 * 1e-8))),      # epsilon beside the uncorrected root
])
def test_first_step_by_hand(name, first_step):
    p, g = theano.shared(np.float32([0]), name="p"), theano.shared(np.float32([1e-4]))
    optimizer = optimizers.get(name)
    theano.function([], [], updates=optimizer.update([g], [p]))()
    np.testing.assert_allclose(p.get_value(), [-first_step], rtol=1e-5)


def test_nesterov_is_the_textbook_sequence_at_the_predicted_position():
    # Sutskever et al. 2013: v <- mu v - rate grad(p + mu v), p <- p + v; here on f(p) = p^2 / 2
    p, v, mu = 1.0, 0.0, 0.9
    ours = theano.shared(np.float32(1), name="p")
    step = theano.function([], [], updates=optimizers.get("nesterov_momentum").update(
        [ours * 1], [ours], learning_rate=0.1))
    for _ in range(10):
        v = mu * v - 0.1 * (p + mu * v)
        p = p + v
        step()
        np.testing.assert_allclose(ours.get_value(), p + mu * v, rtol=0, atol=1e-6)


def test_the_papers_constants():
    assert {name: optimizer.options() for name, optimizer in optimizers.OPTIMIZERS.items()} == {
        "sgd": {"learning_rate": 0.01},
        "nesterov_momentum": {"learning_rate": 0.01, "momentum": 0.9},
        "adagrad": {"learning_rate": 0.01, "epsilon": 1e-6},
        "rmsprop": {"learning_rate": 0.01, "rho": 0.9, "epsilon": 1e-6},
        "adam": {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}}


def test_unknown_name_lists_the_choices():
    with pytest.raises(ConfigError) as raised:
        optimizers.get("adadelta")
    assert str(raised.value) == ("optimizer: found 'adadelta', expected one of sgd, "
                                 "nesterov_momentum, adagrad, rmsprop, adam")


def test_states_are_zeros_of_their_own_and_lasagne_is_left_as_it_was():
    params = [theano.shared(np.ones((2, 3), "float32"), name=name) for name in "ab"]
    updates = optimizers.get("adam").update([param * 1 for param in params], params)
    states = [state for state in updates if state not in params and state.name != "t"]
    assert len(states) == 4
    states[0].set_value(states[0].get_value(borrow=True) + 1)
    assert [state.get_value().sum() for state in states] == [6, 0, 0, 0]
    with pytest.raises(ZeroDivisionError), optimizers.states_not_copied():
        assert lasagne.updates.theano is not theano
        1 / 0
    assert lasagne.updates.theano is theano
