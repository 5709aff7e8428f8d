"""Batches, splits and the parts of KeypointNet that the run folder relies on."""
import numpy as np
import pytest
from core_tools import CLASSIC, faces

from lasagne.layers import DenseLayer, InputLayer
from lasagne.updates import sgd
from nolearn.lasagne import NeuralNet, TrainSplit
from theano.configparser import change_flags

from facekp import keypoints
from facekp.augmentation import Augmentation
from facekp.errors import ConfigError, EngineError
from facekp.nets import models
from facekp.nets.cnn14 import cnn14
from facekp.nets.lenet import lenet5
from facekp.nets.net import (GivenSplit, KeypointNet, Lazy, SeededSplit, ShuffledBatches,
                             undrawn)
from facekp.nets.resnet import resnet
from facekp.settings import Settings
from facekp.training.augmented_batches import AugmentedBatches


def batches(iterator, X, y):
    return [(Xb.copy(), yb.copy()) for Xb, yb in iterator(X, y)]


@pytest.fixture
def numbered():
    """Twenty samples that carry their own number."""
    X = np.arange(20, dtype=np.float32).reshape(20, 1)
    return X, X * 10


def test_an_epoch_has_every_sample_once_with_its_own_target(numbered):
    found = batches(ShuffledBatches(8), *numbered)
    assert [len(Xb) for Xb, _ in found] == [8, 8, 4]
    X = np.concatenate([Xb for Xb, _ in found])
    assert sorted(X[:, 0]) == list(range(20)) and list(X[:, 0]) != list(range(20))
    for Xb, yb in found:
        np.testing.assert_array_equal(yb, Xb * 10)


def test_batches_are_copies_and_the_callers_arrays_stay(numbered):
    X, y = numbered
    for Xb, yb in ShuffledBatches(8)(X, y):
        assert not np.shares_memory(Xb, X) and not np.shares_memory(yb, y)
        Xb[:], yb[:] = -1, -1
    np.testing.assert_array_equal(X[:, 0], np.arange(20))
    np.testing.assert_array_equal(y[:, 0], np.arange(20) * 10)


def test_the_order_depends_on_seed_and_epoch_alone(numbered):
    def orders(seed, epochs, start=0):
        iterator = ShuffledBatches(8, seed)
        iterator.epoch = start
        return [np.concatenate([Xb[:, 0] for Xb, _ in iterator(*numbered)]).tolist()
                for _ in range(epochs)]
    first = orders(0, 4)
    np.random.seed(1)
    assert orders(0, 4) == first
    assert orders(0, 2, start=2) == first[2:]        # a run that goes on after epoch 2
    assert len({tuple(order) for order in first + orders(1, 4)}) == 8


def test_lazy_builds_once_and_only_when_called():
    built = []
    lazy = Lazy(lambda: built.append(1) or (lambda x: x + 1))
    assert built == []
    assert (lazy(1), lazy(2)) == (2, 3)
    assert built == [1]


def test_given_split():
    split = GivenSplit("X_valid", "y_valid")
    assert split("X", "y", None) == ("X", "X_valid", "y", "y_valid")


def test_seeded_split_is_80_20_shuffled_and_leaves_the_arrays():
    X = np.arange(100)
    X_train, X_valid, y_train, y_valid = SeededSplit(0)(X, X * 2, None)
    assert len(X_train) == 80 and len(X_valid) == 20
    assert sorted(np.concatenate([X_train, X_valid])) == list(range(100))
    assert list(X_valid) != list(range(20))
    np.testing.assert_array_equal(y_valid, X_valid * 2)
    np.testing.assert_array_equal(X, np.arange(100))
    assert list(SeededSplit(0)(X, X, None)[1]) == list(X_valid)
    assert list(SeededSplit(1)(X, X, None)[1]) != list(X_valid)


# ---- state: everything that a step of training reads and writes --------------------------------


@pytest.fixture(scope="module")
def net():
    net = models.build(CLASSIC)
    net.initialize()
    return net


def test_weights_have_the_names_of_weights_npz(net):
    assert list(net.weights()) == [
        "conv1.W", "conv1.b", "conv2.W", "conv2.b", "dense1.W", "dense1.b", "dense2.W", "dense2.b",
        "output.W", "output.b"]


def test_weights_that_are_read_from_a_file_are_not_drawn_before():
    with undrawn():
        values = [variable.get_value() for variable in lenet5("classic").weights().values()]
    assert values and not any(value.any() for value in values)
    first, again = (lenet5("classic").weights()["conv1.W"].get_value() for _ in range(2))
    assert first.all() and np.array_equal(first, again)


def test_state_has_adams_memory_and_a_name_each(net):
    state = net.state()
    names = [name.split(".", 1)[1] for name in state]
    assert {"conv1.W", "conv1.W.m", "conv1.W.v", "t"} <= set(names)
    assert len(names) == 10 * 3 + 1
    assert len(set(map(id, state.values()))) == len(state)


def test_putting_the_state_back_repeats_the_step(net):
    X, y_px = faces(16)
    y = keypoints.scale(y_px)
    saved = {name: variable.get_value() for name, variable in net.state().items()}
    losses = [float(net.train_iter_(X, y)[0]) for _ in range(3)]
    for name, variable in net.state().items():
        variable.set_value(saved[name])
    assert [float(net.train_iter_(X, y)[0]) for _ in range(3)] == losses
    assert len(set(losses)) == 3


def test_prediction_compiles_no_training():
    net = models.build(CLASSIC)
    net.initialize()
    net.predict(faces(2)[0])
    assert "function" not in vars(net.train_iter_)
    assert "function" in vars(net.predict_iter_)


@pytest.mark.parametrize("X, found", [
    (np.zeros((2, 1, 100, 100), np.float32), "(2, 1, 100, 100)"),
    (np.zeros((2, 96, 96), np.float32), "(2, 96, 96)"),
    (np.zeros((2, 1, 96, 96), np.uint8), "uint8"), (np.zeros((2, 1, 96, 96), int), "int64"),
    (np.full((2, 1, 96, 96), 200.0), "to 200"), (np.full((2, 1, 96, 96), np.nan), "nan"),
    (np.full((2, 1, 96, 96), -1.0), "from -1"), (np.full((2, 1, 96, 96), np.inf), "inf")])
def test_what_are_no_images_is_an_error_and_no_keypoints(X, found):
    with pytest.raises(ConfigError) as caught:
        lenet5("classic").predict_px(X)
    assert found in str(caught.value) and "\n" not in str(caught.value)


def test_no_images_have_no_keypoints():
    net = lenet5("classic")
    net.initialize()
    y = net.predict_px(np.zeros((0, 1, 96, 96), np.float32))
    assert y.shape == (0, 30) and y.dtype == np.float32


def test_batches_without_targets_keep_the_order(numbered):
    X, _ = numbered
    for iterator in (ShuffledBatches(8), AugmentedBatches(8, 0, Augmentation.parse(["rotate=9"]))):
        found = [(Xb, yb) for Xb, yb in iterator(X)]
        np.testing.assert_array_equal(np.concatenate([Xb for Xb, _ in found]), X)
        assert [yb for _, yb in found] == [None] * 3 and iterator.epoch == 0


def test_nolearns_own_arguments_are_passed_on():
    split = TrainSplit(0.5)
    for builder in (lenet5, resnet, cnn14):
        net = builder(max_epochs=5, verbose=1, train_split=split, update_beta1=0.5,
                      optimizer="adam")
        assert (net.max_epochs, net.verbose, net.train_split) == (5, 1, split)
        assert net.update_beta1 == 0.5
    assert lenet5("classic", conv1_num_filters=3).weights()["conv1.W"].get_value().shape[0] == 3
    with pytest.raises(TypeError, match="max_epoch'"):
        lenet5(max_epoch=5)
    with pytest.raises(ConfigError, match="max_epochs"):  # settings have an own place for it
        models.build(Settings("lenet5", {"max_epochs": 5}))


@pytest.mark.parametrize("regression", [False, True])
def test_a_net_for_classes_has_nolearns_accuracy(regression, monkeypatch):
    made = []
    monkeypatch.setattr(NeuralNet, "_create_iter_funcs", lambda *given: made.append(1) or (1, 2, 3))
    KeypointNet([(InputLayer, {"name": "input", "shape": (None, 3)}),
                 (DenseLayer, {"name": "output", "num_units": 2})],
                regression=regression, update=sgd, update_learning_rate=0.1).initialize()
    assert bool(made) != regression


@pytest.mark.parametrize("setting", [{"floatX": "float16"}, {"mode": "FAST_COMPILE"},
                                     {"linker": "py"}])
def test_settings_of_theano_without_convolutions_are_named(setting):
    [(name, value)] = setting.items()
    with change_flags(**setting), pytest.raises(EngineError, match=f"{name}={value}"):
        lenet5("classic").weights()


def test_a_net_needs_no_test_values():
    with change_flags(compute_test_value="raise"):
        net = lenet5("classic", fused=False)
        net.initialize()
        assert net.predict_px(faces(2)[0]).shape == (2, 30)
