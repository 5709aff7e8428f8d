"""Outputs for two labelling schemes: numpy's values and gradients, and what ONNX makes of them."""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import numpy as np
import pytest
import theano
import theano.tensor as T
from lasagne.layers import InputLayer, MaxPool2DLayer, get_output
from lasagne.nonlinearities import tanh

from facekp.data.schemes import FOUR_COLUMNS, apart
from facekp.errors import ConfigError
from facekp.nets import heads, onnx_graph, parts
from facekp.nets.heads import SchemeInputLayer
from facekp.nets.losses import masked_squared_error
from facekp.nets.models import build
from facekp.settings import Settings

SECOND = np.array([False, True, True, False])


def settings(kind):
    return Settings("lenet5", {"variant": "classic"}, labels="all", heads=kind)


def reference(x, v, y):
    """Output, loss and the loss's gradient with respect to v: the scheme as an input, 0 or 1."""
    shared = np.tanh(x)
    second = np.tanh(x[:, FOUR_COLUMNS] + v)
    outputs = np.concatenate([shared, second], axis=1)
    labelled = ~np.isnan(y)
    error = np.where(labelled, outputs - y, 0)
    slope = 2 * error[:, 30:] * (1 - second ** 2) / labelled.sum()
    return outputs, (error ** 2).sum() / labelled.sum(), slope.sum(axis=0)


def test_the_scheme_as_an_input_against_numpy(random):
    x = random.normal(0, 1, (4, 30)).astype(np.float32)
    v = random.normal(0, 1, 8).astype(np.float32)
    labels = random.uniform(-1, 1, (4, 30)).astype(np.float32)
    labels[np.ix_(SECOND, np.setdiff1d(range(30), FOUR_COLUMNS))] = np.nan
    targets = apart(labels, SECOND)
    incoming, y = T.fmatrix(), T.fmatrix()
    layer = SchemeInputLayer(InputLayer((None, 30), incoming), tanh, v=v)
    outputs = get_output(layer)
    loss = masked_squared_error(outputs, y)
    found = theano.function([incoming, y], [outputs, loss, theano.grad(loss, layer.v)])(x, targets)
    for one, expected in zip(found, reference(x.astype(float), v.astype(float), targets)):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-6)
    assert layer.output_shape == (None, 38)


@pytest.mark.parametrize("kind, changed", [
    ("one", {}), ("input", {"scheme.v": (8,)}),
    ("each", {"output.W": (84, 38), "output.b": (38,)})])
def test_what_each_kind_of_net_has(kind, changed):
    plain = {name: p.get_value().shape for name, p in build(settings("one")).weights().items()}
    found = {name: p.get_value().shape for name, p in build(settings(kind)).weights().items()}
    assert found == {**plain, **changed}


@pytest.mark.parametrize("kind", ["input", "each"])
def test_a_prediction_is_by_each_image_s_scheme_and_onnx_has_the_first(kind, random):
    pytest.importorskip("onnxruntime")
    from facekp.training import export
    net = build(settings(kind))
    net.fused = False
    for name, parameter in net.weights().items():
        if name == "scheme.v":
            parameter.set_value(random.uniform(0.2, 0.5, 8).astype(np.float32))
    net.initialize()
    X = random.uniform(size=(4, 1, 96, 96)).astype(np.float32)
    outputs = net.predict(X) * 48 + 48
    assert outputs.shape == (4, heads.WIDTH) == (4, 38)
    first, mixed = net.predict_px(X), net.predict_px(X, SECOND)
    np.testing.assert_array_equal(first, outputs[:, :30])
    np.testing.assert_array_equal(mixed[~SECOND], first[~SECOND])
    np.testing.assert_array_equal(mixed[np.ix_(SECOND, FOUR_COLUMNS)], outputs[SECOND, 30:])
    assert (abs(mixed - first)[np.ix_(SECOND, FOUR_COLUMNS)] > 1e-3).all()
    export.check(onnx_graph.to_onnx([net]), X, first, export.TOLERANCE_PX)


def test_both_kinds_learn_what_differs_between_the_schemes(random):
    """Faces that are all alike, of which the second scheme has the nose 9.6 px lower."""
    X = np.full((40, 1, 96, 96), 0.5, np.float32)
    y = np.zeros((40, 30), np.float32)
    second = np.arange(40) % 2 == 1
    y[np.ix_(second, np.setdiff1d(range(30), FOUR_COLUMNS))] = np.nan
    y[second, 21] = 0.2
    for kind in ("input", "each"):
        net = parts.net([(MaxPool2DLayer, {"name": "pool", "pool_size": 48})], tanh, "adam", 0.01,
                        40, 0, fused=False)
        heads.use(net, kind)
        net.objective_loss_function = masked_squared_error
        net.verbose = 0
        net.fit(X, apart(y, second), epochs=60)
        [first], [other] = net.predict_px(X[:1]), net.predict_px(X[:1], np.array([True]))
        assert abs(first[21] - 48) < 1 and abs(other[21] - 57.6) < 1
        assert abs(other[20] - 48) < 1


def test_a_net_without_a_dense_output_cannot_learn_both():
    with pytest.raises(ConfigError, match="heads: found 'each' for a net whose output is no dense"):
        build(Settings("unet", labels="all", heads="each"))
