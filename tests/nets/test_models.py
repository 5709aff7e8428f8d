"""The architectures: their docstrings' tables, their variants, and nolearn's own interface."""
import pickle
import re

import facekp.engine.ready  # noqa: F401  (before Lasagne)
import lasagne
import numpy as np
import pytest
from core_tools import CLASSIC, faces
from lasagne.layers import Conv2DLayer, DropoutLayer
from nolearn.lasagne import BatchIterator, NeuralNet

from facekp import keypoints
from facekp.nets import models
from facekp.nets.net import undrawn
from facekp.errors import ConfigError
from facekp.engine.layers import BatchNormLayer
from facekp.settings import Settings


def table_of(function):
    """The docstring's rows: (layer, output shape, parameters)."""
    rows = re.findall(r"^ +(\w+) +(\d+(?:x\d+x\d+)?) +(\d+)$", function.__doc__, re.M)
    return [(name, shape, int(count)) for name, shape, count in rows]


def layers_of(net):
    net.initialize_layers()
    return [(name, "x".join(map(str, layer.output_shape[1:])),
             sum(int(np.prod(p.get_value(borrow=True).shape)) for p in layer.get_params()))
            for name, layer in net.layers_.items()]


@pytest.fixture
def zero_weights():
    with undrawn():
        yield


@pytest.mark.parametrize("name, n_layers, n_params", [
    ("lenet5", 12, 289_442), ("vggnet", 24, 50_496_222), ("cnn14", 14, 8_051_502),
    ("small_vgg", 16, 3_604_734)])
def test_docstring_table_is_the_net(name, n_layers, n_params, zero_weights):
    function = models.MODELS[name]
    found = layers_of(function())
    assert found == table_of(function)
    assert len(found) == n_layers
    assert sum(count for _, _, count in found) == n_params


def test_cnn14_dropout_rates_and_ten_layers_without():
    net = models.MODELS["cnn14"](num_dense_units=5)
    net.initialize_layers()
    rates = [layer.p for layer in net.layers_.values() if isinstance(layer, DropoutLayer)]
    assert rates == [.1, .2, .3, .5]
    without = models.MODELS["cnn14"](dropout=False, num_dense_units=5)
    assert [name for name, _, _ in layers_of(without)] == [
        "input", "conv1", "pool1", "conv2", "pool2", "conv3", "pool3", "dense1", "dense2", "output"]


def test_vggnet_pads_every_convolution(zero_weights):
    net = models.MODELS["vggnet"](num_dense_units=4)
    net.initialize_layers()
    convolutions = [layer for layer in net.layers_.values() if isinstance(layer, Conv2DLayer)]
    assert len(convolutions) == 13
    assert {(layer.filter_size, layer.pad) for layer in convolutions} == {((3, 3), (1, 1))}
    without = models.MODELS["vggnet"](num_dense_units=4, dropout=False)
    assert len(layers_of(without)) == len(net.layers_) - 2


@pytest.mark.parametrize("name, variance", [("he", 2 / (64 * 9)), ("glorot", 2 / (128 * 9))])
def test_vggnets_initial_weights(name, variance):
    """conv1_2 has 64 * 9 inputs and as many outputs: He et al. 2015, eq. 10; Glorot & Bengio 2010,
    eq. 12."""
    [(_, options)] = [(layer, options) for layer, options in models.MODELS["vggnet"](
        initial_weights=name, num_dense_units=4).layers if options["name"] == "conv1_2"]
    W = options["W"]((64, 64, 3, 3))
    assert np.var(W) == pytest.approx(variance, rel=0.05)


def test_initial_weights_that_there_are_not():
    with pytest.raises(ConfigError, match="initial_weights: found 'zero', expected one of he, gl"):
        models.build(Settings("vggnet", {"initial_weights": "zero"}))


def test_classic_lenet5():
    assert [row[:2] for row in layers_of(models.MODELS["lenet5"](variant="classic"))] == [
        ("input", "1x96x96"), ("conv1", "6x92x92"), ("pool1", "6x46x46"), ("conv2", "16x42x42"),
        ("pool2", "16x21x21"), ("dense1", "120"), ("dense2", "84"), ("output", "30")]


def test_batch_norm_takes_the_place_of_every_hidden_bias():
    net = models.MODELS["lenet5"](batch_norm=True)
    net.initialize_layers()
    names = list(net.layers_)
    for name in ("conv1", "conv2", "conv3", "conv4", "dense1", "dense2"):
        i = names.index(name)
        assert names[i + 1:i + 3] == [f"{name}_bn", f"{name}_relu"]
        linear, bn, relu = (net.layers_[key] for key in names[i:i + 3])
        assert linear.b is None and isinstance(bn, BatchNormLayer)
        assert linear.nonlinearity is lasagne.nonlinearities.identity
        assert relu.nonlinearity is lasagne.nonlinearities.rectify
    assert "conv1_bn.var" in net.weights() and "output.b" in net.weights()


def test_output_is_tanh_unless_asked_otherwise():
    net = models.MODELS["lenet5"](variant="classic", output_nonlinearity=None)
    net.initialize_layers()
    assert net.layers_["output"].nonlinearity is lasagne.nonlinearities.identity
    net = models.MODELS["lenet5"](variant="classic")
    net.initialize_layers()
    assert net.layers_["output"].nonlinearity is lasagne.nonlinearities.tanh


def test_the_seed_alone_decides_the_first_weights():
    def first_weights(seed):
        return {name: p.get_value() for name, p in models.MODELS["lenet5"]("classic", seed=seed)
                .weights().items()}
    first = first_weights(1)
    np.random.seed(99)
    lasagne.random.get_rng().rand(7)
    again, other = first_weights(1), first_weights(2)
    for name, value in first.items():
        np.testing.assert_array_equal(again[name], value)
    assert (first["conv1.W"] != other["conv1.W"]).any()


@pytest.mark.parametrize("settings, words", [
    (Settings("alexnet"), "model: found 'alexnet', expected one of lenet5, vggnet, "),
    (Settings("lenet5", {"variant": "modern"}), "variant: found 'modern', expected one of"),
    (Settings("cnn14", {"batch_norm": True}), "options: found 'batch_norm', which cnn14"),
    (Settings("lenet5", optimizer="newton"), "optimizer: found 'newton', expected one of sgd"),
])
def test_build_refuses_what_is_unknown(settings, words):
    with pytest.raises(ConfigError) as caught:
        models.build(settings)
    assert words in str(caught.value)


def test_build_passes_every_setting_on():
    net = models.build(Settings("cnn14", {"num_dense_units": 7}, "rmsprop", 0.25, batch_size=9,
                                seed=4))
    assert net.update_learning_rate == 0.25 and net.update_rho == 0.9
    assert net.batch_iterator_train.batch_size == net.batch_iterator_test.batch_size == 9
    assert net.batch_iterator_train.seed == 4
    assert [row[1] for row in layers_of(net)][-4:] == ["7", "7", "7", "30"]


# ---- nolearn's interface -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    X, y_px = faces(30)
    return X, keypoints.scale(y_px)


@pytest.fixture(scope="module")
def fitted(data):
    return models.build(CLASSIC).fit(*data, epochs=2)


def test_fit_learns_and_leaves_the_callers_arrays(fitted, data):
    X, y = faces(30)
    np.testing.assert_array_equal(data[0], X)
    np.testing.assert_array_equal(data[1], keypoints.scale(y))
    assert [row["epoch"] for row in fitted.train_history_] == [1, 2]
    assert fitted.train_history_[1]["train_loss"] < fitted.train_history_[0]["train_loss"]


def test_the_reported_loss_is_the_mean_squared_error(fitted, data):
    X, y = data
    loss = fitted.eval_iter_(X[:10], y[:10])[0]
    np.testing.assert_allclose(loss, np.mean((fitted.predict(X[:10]) - y[:10]) ** 2), rtol=1e-5)


def test_predict_does_not_depend_on_the_batch(fitted, data):
    X, _ = data
    y_pred = fitted.predict(X)                       # batches of 16 and 14
    assert y_pred.shape == (30, 30) and y_pred.dtype == np.float32
    np.testing.assert_allclose(fitted.predict(X[20:21])[0], y_pred[20], rtol=1e-4, atol=1e-6)


def test_partial_fit_goes_on(data):
    net = models.build(CLASSIC)
    for _ in range(2):
        net.partial_fit(*data)
    assert [row["epoch"] for row in net.train_history_] == [1, 2]


def test_params_and_repr():
    net = models.build(CLASSIC)
    assert net.get_params()["update_learning_rate"] == 0.001
    net.set_params(update_learning_rate=0.5)
    assert net.update_learning_rate == 0.5
    assert repr(net).startswith("KeypointNet(") and "update_learning_rate=0.5" in repr(net)
    assert isinstance(net, NeuralNet)


def test_pickle_keeps_the_weights(fitted, data):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(data[0]), fitted.predict(data[0]))
    assert copy.train_history_ == fitted.train_history_


def test_load_params_from(fitted, data):
    net = models.build(CLASSIC)
    net.load_params_from(fitted.get_all_params_values())
    np.testing.assert_array_equal(net.predict(data[0]), fitted.predict(data[0]))


def test_nolearns_own_batches_and_penalties_still_work(data):
    net = models.build(CLASSIC)
    net.set_params(batch_iterator_train=BatchIterator(15), objective_l2=0.1)
    net.initialize()
    loss = float(net.eval_iter_(*data)[0])
    squares = sum((p.get_value() ** 2).sum() for name, p in net.weights().items()
                  if name.endswith(".W"))
    mse = np.mean((net.predict(data[0]) - data[1]) ** 2)
    np.testing.assert_allclose(loss, mse + 0.1 * squares, rtol=1e-4)
