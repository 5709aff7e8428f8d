"""Nets as ONNX: every net and every kind of layer finds what it finds with Theano."""
import facekp.engine.ready  # noqa: F401  (before Lasagne)
import numpy as np
import pytest
from lasagne import layers
from lasagne.nonlinearities import LeakyRectify, identity, rectify, sigmoid, softmax, tanh
from onnx import TensorProto

from facekp.engine.layers import BatchNormLayer
from facekp.errors import ConfigError, RunError
from facekp.nets import onnx_graph
from facekp.nets.cnn14 import cnn14
from facekp.nets.lenet import lenet5
from facekp.nets.parts import net as make_net
from facekp.nets.resnet import resnet
from facekp.nets.small_vgg import small_vgg
from facekp.nets.unet import unet
from facekp.nets.vgg import vggnet
from facekp.training import export

NETS = {
    "lenet5": lambda: lenet5(),
    "lenet5-batch-norm": lambda: lenet5(batch_norm=True),
    "classic": lambda: lenet5("classic"),
    "classic-batch-norm": lambda: lenet5("classic", batch_norm=True),
    "vggnet": lambda: vggnet(num_dense_units=8),
    "cnn14": lambda: cnn14(num_dense_units=20),
    "cnn14-no-dropout": lambda: cnn14(dropout=False, num_dense_units=20),
    "resnet": lambda: resnet(depth=10, width=4),
    "small_vgg": lambda: small_vgg(width=4, num_dense_units=16),
    "unet": lambda: unet(width=4),
}

CONV = (layers.Conv2DLayer, {"name": "conv", "num_filters": 3, "filter_size": 4})
KINDS = {
    "same": [(CONV[0], {**CONV[1], "pad": "same"})],
    "full": [(CONV[0], {**CONV[1], "pad": "full"})],
    "stride-pad": [(CONV[0], {**CONV[1], "filter_size": (3, 5), "stride": (2, 3), "pad": (1, 2)})],
    "untied": [(CONV[0], {**CONV[1], "stride": 4, "untie_biases": True})],
    "no-bias": [(CONV[0], {**CONV[1], "b": None, "nonlinearity": None})],
    "leaky": [(CONV[0], {**CONV[1], "nonlinearity": LeakyRectify(0.2)})],
    "sigmoid": [(CONV[0], {**CONV[1], "nonlinearity": sigmoid})],
    "max-pool-overlapping": [CONV, (layers.MaxPool2DLayer, {
        "name": "pool", "pool_size": 3, "stride": 2, "pad": 1})],
    "max-pool-border": [CONV, (layers.MaxPool2DLayer, {
        "name": "pool", "pool_size": 2, "ignore_border": False})],
    "mean-pool": [CONV, (layers.Pool2DLayer, {
        "name": "pool", "pool_size": 2, "mode": "average_inc_pad"})],
    "global-pool": [(CONV[0], {**CONV[1], "stride": 6}),  # small maps: float32 sums of thousands of
                    (layers.GlobalPoolLayer, {"name": "pool"})],  # values are 0.002 px apart
    "dense": [(layers.DenseLayer, {"name": "dense", "num_units": 5, "b": None,
                                   "nonlinearity": tanh})],
    "dropout": [CONV, (layers.DropoutLayer, {"name": "dropout"})],
    "activation": [(layers.DenseLayer, {"name": "dense", "num_units": 5, "nonlinearity": identity}),
                   (BatchNormLayer, {"name": "bn"}),
                   (layers.NonlinearityLayer, {"name": "relu", "nonlinearity": rectify})],
}


def random_weights(net):
    """Weights as large as make every layer count, running averages included."""
    random = np.random.RandomState(0)
    for name, parameter in net.weights().items():
        shape = parameter.get_value(borrow=True).shape
        fan_in = np.prod(shape[1:]) if len(shape) > 2 else shape[0]
        spread = 1.2 / np.sqrt(fan_in) if name.endswith("W") else 0.3
        value = random.normal(0, spread, shape)
        if name.endswith(("var", "gamma")):
            value = 1 + np.abs(value)
        parameter.set_value(value.astype(np.float32))
    net.initialize()
    return net


def small_net(hidden):
    return make_net(hidden, tanh, "adam", 0.001, 16, 0, fused=False)


def compare(nets, model, tolerance=export.TOLERANCE_PX):
    X = export.check_images(n_random=1, n_faces=2)
    expected = np.mean([net.predict_px(X) for net in nets], axis=0)
    assert expected.std(axis=0).max() > 0.01  # the images make a difference
    return export.check(model, X, expected, tolerance)


@pytest.mark.parametrize("name", NETS)
def test_every_net_finds_what_theano_finds(name):
    net = random_weights(NETS[name]())
    model = onnx_graph.to_onnx([net], {"net": name})
    compare([net], model)
    assert (model.opset_import[0].version, model.ir_version) == (13, 8)
    assert "Dropout" not in {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_layer(name):
    net = random_weights(small_net(KINDS[name]))
    compare([net], onnx_graph.to_onnx([net]))


def test_a_residual_block():
    net = random_weights(small_net([
        (layers.Conv2DLayer, {"name": "stem", "num_filters": 4, "filter_size": 5, "stride": 3}),
        (layers.Conv2DLayer, {"name": "a", "num_filters": 4, "filter_size": 3, "pad": 1, "b": None,
                              "nonlinearity": identity}),
        (BatchNormLayer, {"name": "bn"}),
        (layers.ElemwiseSumLayer, {"name": "sum", "incomings": ["stem", "bn"],
                                   "coeffs": [1, 0.5]}),
        (layers.NonlinearityLayer, {"name": "relu", "nonlinearity": rectify}),
        (layers.GlobalPoolLayer, {"name": "mean"})]))
    model = onnx_graph.to_onnx([net])
    assert [node.op_type for node in model.graph.node].count("Sum") == 1
    compare([net], model)


def test_several_nets_are_averaged_in_one_graph():
    nets = [random_weights(lenet5("classic", batch_norm=flag)) for flag in (False, True)]
    model = onnx_graph.to_onnx(nets)
    compare(nets, model)
    with pytest.raises(RunError, match="px from the net's"):
        compare(nets[:1], model)


def test_half_precision_halves_the_file_and_hardly_moves_a_point():
    net = random_weights(lenet5())
    whole = onnx_graph.to_onnx([net])
    half = onnx_graph.with_half_weights(whole)
    assert half.ByteSize() < 0.55 * whole.ByteSize()
    stored = {tensor.name: tensor.data_type for tensor in half.graph.initializer
              if len(tensor.dims) > 1}
    assert {name for name, kind in stored.items() if kind == TensorProto.FLOAT} == {
        "conv1.W", "output.W"}  # 400 and 2520 values; the others have 10080 and more
    assert {name for name, kind in stored.items() if kind == TensorProto.FLOAT16} == {
        f"{name}.W.half" for name in ("conv2", "conv3", "conv4", "dense1", "dense2")}
    assert TensorProto.FLOAT16 not in {tensor.data_type for tensor in whole.graph.initializer}
    assert 1e-5 < compare([net], half, export.HALF_TOLERANCE_PX)


def test_large_weights_in_eight_bits():
    net = random_weights(lenet5())
    whole = onnx_graph.to_onnx([net])
    small = onnx_graph.with_half_weights(whole, eight_bits_from=50_000)
    stored = {tensor.name: tensor.data_type for tensor in small.graph.initializer
              if len(tensor.dims) > 1}
    large = {name for name, kind in stored.items() if kind == TensorProto.INT8}
    assert large == {"conv3.W.bytes", "conv4.W.bytes", "dense1.W.bytes"}
    assert set(stored.values()) == {TensorProto.INT8, TensorProto.FLOAT16, TensorProto.FLOAT}
    assert small.ByteSize() < 0.35 * whole.ByteSize()
    assert 1e-3 < compare([net], small, 1.0)  # px; a trained net's weights have fewer outliers


def test_what_has_no_counterpart_is_named():
    net = small_net([(layers.FeaturePoolLayer, {"name": "maxout", "pool_size": 1})])
    with pytest.raises(ConfigError, match="layer maxout: found a FeaturePoolLayer"):
        onnx_graph.to_onnx([net])
    net = small_net([(layers.DenseLayer, {"name": "d", "num_units": 3, "nonlinearity": softmax})])
    with pytest.raises(ConfigError, match="layer d: found the nonlinearity"):
        onnx_graph.to_onnx([net])
