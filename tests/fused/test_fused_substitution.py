"""The fused path against Lasagne's own get_output: which Ops are put, and that results agree."""
import facekp.engine.ready  # noqa: F401  (readies Theano)

import lasagne
import numpy as np
import pytest
import theano
import theano.tensor as T
from dropout_reference import dropout_factors
from fused_tools import stock_mode
from facekp import fused
from facekp.engine import compiler
from facekp.nets import models
from facekp.fused import status
from facekp.fused.conv_algorithms import DIRECT
from facekp.fused.cop import FusedOp
from facekp.fused.small_ops import is_small
from facekp.engine.layers import BatchNormLayer, UpscaleConcatLayer
from lasagne.layers import (Conv2DLayer, DenseLayer, DropoutLayer, ElemwiseSumLayer,
                            GlobalPoolLayer, InputLayer, MaxPool2DLayer, NonlinearityLayer,
                            Pool2DLayer, get_all_params)
from lasagne.nonlinearities import identity, rectify, sigmoid, tanh

P = 0.5
pytestmark = pytest.mark.skipif(not fused.enabled(), reason="fused Ops are " + fused.why())


def conv(incoming, num_filters=8, size=3, **options):
    options.setdefault("nonlinearity", rectify)
    return Conv2DLayer(incoming, num_filters, size, W=whole, b=options.pop("b", whole), **options)


def dense(incoming, units=5, nonlinearity=rectify, b=None):
    return DenseLayer(incoming, units, W=whole, b=b, nonlinearity=nonlinearity)


def normed(layer):
    return NonlinearityLayer(BatchNormLayer(layer), rectify)


def joined(layer):
    return UpscaleConcatLayer([MaxPool2DLayer(layer, 2), layer])


def whole(shape):
    """Initial values: whole numbers, multiples of 576 where Winograd's are exact with them."""
    values = np.random.RandomState(shape[0]).randint(-2, 3, shape)
    return values.astype("float32") * (576 if shape[2:] in ((2, 2), (3, 3)) else 1)


def image(channels=1, size=13):
    return InputLayer((None, channels, size, size - 1))


def op_names(expression):
    nodes = theano.gof.graph.io_toposort([], [expression])
    return [type(node.op).__name__ + algorithm(node.op)
            for node in nodes if isinstance(node.op, FusedOp)]


def algorithm(op):
    found = getattr(op, "algorithm", DIRECT)
    return "" if found == DIRECT else " " + str(found)


class Scaled:
    """A nonlinearity that is compared by its value, as a dataclass is."""

    __hash__ = None

    def __call__(self, x):
        return 2 * x


CHAINS = {
    "conv-pool": (lambda: MaxPool2DLayer(conv(image()), 2), ["ConvReluPool"]),
    "conv5-pool": (lambda: MaxPool2DLayer(conv(image(3), size=5), 2), ["ConvReluPool"]),
    "conv": (lambda: conv(image()), ["ConvRelu"]),
    "padded-pool": (lambda: MaxPool2DLayer(conv(image(), pad=1, size=1), 2), ["ConvReluPool"]),
    "same": (lambda: conv(image(2), size=5, pad="same"), ["ConvRelu"]),
    "full": (lambda: conv(image(2), size=2, pad="full"), ["ConvRelu"]),
    "3x3": (lambda: conv(image(8), pad=1), ["ConvRelu F(4x4, 3x3)"]),
    "3x3-pool": (lambda: MaxPool2DLayer(conv(image(8), pad="same"), 2),
                 ["ConvReluPool F(4x4, 3x3)"]),
    "2x2-pool": (lambda: MaxPool2DLayer(conv(image(8), size=2), 2), ["ConvReluPool F(4x4, 2x2)"]),
    "5x5-pool": (lambda: MaxPool2DLayer(conv(image(8), size=5), 2), ["ConvReluPool F(4x4, 5x5)"]),
    "3x3 of few": (lambda: MaxPool2DLayer(conv(image(7), pad=1), 2), ["ConvReluPool"]),
    "stride": (lambda: conv(image(), stride=2), ["ConvRelu direct, stride 2"]),
    "3x3 stride": (lambda: conv(image(8), pad=1, stride=2), ["ConvRelu direct, stride 2"]),
    "1x1 stride-pool": (lambda: MaxPool2DLayer(conv(image(3), size=1, stride=2), 2),
                        ["ConvRelu direct, stride 2", "MaxPool"]),
    "pool": (lambda: MaxPool2DLayer(image(), 2), ["MaxPool"]),
    "join": (lambda: joined(conv(InputLayer((None, 1, 8, 6)), pad=1)),
             ["ConvRelu", "MaxPool", "UpscaleConcat"]),
    "average": (lambda: GlobalPoolLayer(conv(image(size=4))), ["ConvRelu", "GlobalAverage"]),
    "dense": (lambda: dense(image(), nonlinearity=identity), ["Dense"]),
    "dense-dense": (lambda: dense(dense(image(), b=whole), 3, tanh), ["Dense", "Dense"]),
}
"""Name -> (layers, the Ops they become)."""

STOCK = {
    "stride": lambda: conv(image(), stride=3),
    "stride of columns": lambda: conv(image(), stride=(1, 2)),
    "global maximum": lambda: GlobalPoolLayer(image(), T.max),
    "bias per pixel": lambda: conv(image(), untie_biases=True),
    "uneven padding": lambda: conv(image(), pad=(1, 0)),
    "other nonlinearity": lambda: conv(image(), nonlinearity=tanh),
    "no bias": lambda: conv(image(), b=None),
    "subclass": lambda: type("Mine", (DenseLayer,), {})(image(), 3),
    "sigmoid": lambda: dense(image(), nonlinearity=sigmoid),
    "nonlinearity without a hash": lambda: dense(image(), nonlinearity=Scaled()),
    "mean pool": lambda: Pool2DLayer(image(), 2, mode="average_inc_pad"),
    "dropout without rescale": lambda: DropoutLayer(image(), P, rescale=False),
    "dropout with p as expression": lambda: DropoutLayer(image(), T.constant(np.float32(P))),
}
"""Name -> layers that no pattern matches."""


def compare(last, n=3, deterministic=False, seed=0, exact=True, ties=True):
    """Outputs and gradients of a net of whole numbers: fused against stock.

    Without `ties` its images are other numbers, so that no two pixels of a pooling window are
    equal.
    """
    x = T.ftensor4("x")
    rng = np.random.RandomState(seed)
    shape = lasagne.layers.get_all_layers(last)[0].shape[1:]
    images = rng.randint(-2, 3, (n,) + shape).astype("float32")
    if not ties:
        images += rng.uniform(-1, 1, images.shape).astype("float32")
    weights = rng.randint(-2, 3, (n,) + last.output_shape[1:]).astype("float32") * 576
    params = [] if deterministic else get_all_params(last, trainable=True)
    results = []
    for get_output, mode in ((fused.get_output, fused.mode()),
                             (lasagne.layers.get_output, stock_mode())):
        y = get_output(last, x, deterministic=deterministic)
        grads = T.grad((y * weights).sum(), params) if params else []
        results.append(theano.function([x], [y] + grads, mode=mode)(images))
    for ours, theirs, what in zip(*results, ["output"] + params):
        if exact:
            np.testing.assert_array_equal(ours, theirs, err_msg=str(what))
        else:
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max(),
                                       err_msg=str(what))


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_becomes_its_op(name):
    build, ops = CHAINS[name]
    assert op_names(fused.get_output(build(), T.ftensor4())) == ops


# tanh is not exact, nor F(4x4, 5x5) of many whole numbers (test_fused_winograd.py)
@pytest.mark.parametrize("name", sorted(set(CHAINS) - {"dense-dense", "5x5-pool"}))
def test_a_chain_gives_the_bits_of_stock(name):
    compare(CHAINS[name][0]())


def test_a_5x5_chain_is_close_to_stock():
    compare(CHAINS["5x5-pool"][0](), exact=False, ties=False)


@pytest.mark.parametrize("name", STOCK)
def test_anything_else_runs_stock(name):
    assert op_names(fused.get_output(STOCK[name](), T.ftensor4())) == []


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("options", [{}, {"pad": 1}, {"pad": 1, "stride": 2}])
def test_batch_normalization(deterministic, options):
    layer = conv(image(), nonlinearity=identity, b=None, **options)
    net = MaxPool2DLayer(normed(layer), 2)
    net = normed(dense(net, 7, identity))
    ops = op_names(fused.get_output(net, T.ftensor4(), deterministic=deterministic))
    assert ("BatchNorm" in ops) == (not deterministic)
    wanted = (2 if deterministic else 5) + (options.get("stride") == 2)  # its pooling
    assert len(ops) == wanted
    compare(net, n=8, deterministic=deterministic, exact=False)


def test_running_averages_are_updated_as_by_the_layer():
    x = T.ftensor4()
    images = np.random.RandomState(0).uniform(size=(4, 1, 13, 12)).astype("float32")
    averages = []
    for get_output in (fused.get_output, lasagne.layers.get_output):
        norm = BatchNormLayer(conv(image(), nonlinearity=identity, b=None))
        net = NonlinearityLayer(norm, rectify)
        f = theano.function([x], get_output(net, x), mode=fused.mode())
        for _ in range(2):
            f(images)
        averages.append([norm.mean.get_value(), norm.var.get_value()])
        assert not np.array_equal(averages[-1][0], np.zeros(8))
    np.testing.assert_allclose(*averages, rtol=1e-5)


def test_dropout_is_fused_and_masks_the_deterministic_output():
    net = DropoutLayer(MaxPool2DLayer(conv(image()), 2), P)
    head = DropoutLayer(dense(net), P)
    alone = DropoutLayer(DenseLayer(head, 4, nonlinearity=tanh), P)
    for layer, source, ops in [(net, None, ["ConvReluPool"]), (head, net, ["Dense"]),
                               (alone, head, ["Dense", "Dropout"])]:
        x = T.TensorType("float32", (False,) * len((source or image()).output_shape))()
        inputs = {source: x} if source else x
        y = fused.get_output(layer, inputs)
        assert op_names(y) == ops
        f = theano.function([x], [y, fused.get_output(layer, inputs, deterministic=True)])
        shape = (6,) + (source or image()).output_shape[1:]
        dropped, kept = f(np.random.RandomState(1).uniform(-1, 1, shape).astype("float32"))
        seed = layer.fused_state.get_value()[0]
        np.testing.assert_array_equal(dropped, kept * dropout_factors(seed, 0, P, kept.shape))


def test_layers_that_are_asked_for_or_shared_are_not_swallowed():
    x = T.ftensor4()
    convolved = conv(image())
    pooled = MaxPool2DLayer(convolved, 2)
    both = fused.get_output([convolved, pooled], x)
    assert op_names(both[0]) == ["ConvRelu"] and op_names(both[1]) == ["ConvRelu", "MaxPool"]
    images = np.random.RandomState(0).uniform(size=(2, 1, 13, 12)).astype("float32")
    z, y = theano.function([x], both)(images)
    windows = z[:, :, :10, :10].reshape(2, 8, 5, 2, 5, 2)
    np.testing.assert_array_equal(y, windows.max((3, 5)))

    hidden = dense(image())
    total = ElemwiseSumLayer([hidden, DropoutLayer(hidden, P)])
    assert op_names(fused.get_output(total, x)) == ["Dense", "Dropout"]


def test_inputs_as_in_lasagne():
    source = image()
    hidden = dense(source)
    net = dense(hidden, 3, tanh)
    rows = np.random.RandomState(0).uniform(size=(2, 5)).astype("float32")
    expected = lasagne.layers.get_output(net, {hidden: rows}).eval()
    np.testing.assert_allclose(fused.get_output(net, {hidden: rows}).eval(), expected, rtol=1e-6)
    assert fused.get_output(source) is source.input_var
    with pytest.raises(ValueError, match="has no input"):
        fused.get_output(DenseLayer((None, 3), 2))
    second = ElemwiseSumLayer([dense(image()), dense(image())])
    with pytest.raises(ValueError, match="2 input layers"):
        fused.get_output(second, T.ftensor4())
    assert len(fused.get_output([net, hidden])) == 2


def test_float64_runs_stock():
    assert op_names(fused.get_output(dense(image()), T.dtensor4())) == []


def test_off_by_environment_variable(monkeypatch):
    monkeypatch.setenv("FACEKP_FUSED", "0")
    assert not fused.enabled()
    assert fused.why() == "off (FACEKP_FUSED=0)"
    assert op_names(fused.get_output(dense(image()), T.ftensor4())) == []


@pytest.mark.parametrize("setting, value, reason", [
    ("floatX", "float64", "floatX=float64"), ("cxx", "", "no C++ compiler"),
    ("linker", "py", "without C code"), ("mode", "FAST_COMPILE", "without C code")])
def test_off_by_theanos_settings(monkeypatch, setting, value, reason):
    config = type("config", (), {name: getattr(theano.config, name)
                                 for name in ("device", "floatX", "cxx", "mode", "linker")})
    setattr(config, setting, value)
    monkeypatch.setattr(status.theano, "config", config)
    assert reason in fused.why() and not fused.enabled()


@pytest.mark.parametrize("text, expected", [
    ("g++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022", ("g++", 12)),
    ("g++-8 (Ubuntu 8.4.0-3ubuntu2) 8.4.0", ("g++", 8)),
    ("x86_64-conda-linux-gnu-c++ (conda-forge gcc 13.2.0-7) 13.2.0", ("g++", 13)),
    ("g++ (GCC) 14.1.1 20240522 (Red Hat 14.1.1-4)", ("g++", 14)),
    ("Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu", ("clang", 14)),
    ("Apple clang version 15.0.0 (clang-1500.3.9.4)", ("clang", 15))])
def test_compiler_versions(text, expected):
    assert compiler.parse_version(text) == expected


def test_an_old_compiler_is_named(monkeypatch):
    monkeypatch.setattr(compiler, "version", lambda cxx: ("g++", 8))
    assert "expected 9 or later" in status.compiler_obstacle.__wrapped__("g++-8")


def test_the_mode_computes_a_scaled_product_once():
    a, b = T.fmatrices(2)
    product = T.dot(a, b)
    f = theano.function([a, b], [product * 2, product ** 2], mode=fused.mode())
    ops = [str(node.op) for node in f.maker.fgraph.toposort()]
    assert sum("ot22" in op or "Gemm" in op for op in ops) == 1


def test_small_ops_run_in_python_and_the_others_in_c():
    x = T.fmatrix()
    f = theano.function([x], (x ** 2).mean(), mode=fused.mode())
    in_c = [hasattr(thunk, "cthunk") for thunk in f.fn.thunks]
    for node, c in zip(f.fn.nodes, in_c):
        assert c != is_small(node)
    assert True in in_c and False in in_c
    assert f(np.float32([[1, 2], [3, 5]])) == 39 / 4


def test_an_array_of_a_single_number_is_small():
    x = T.TensorType("float32", (True, True))()
    f = theano.function([x], 3 * x, mode=fused.mode())
    assert not any(hasattr(thunk, "cthunk") for thunk in f.fn.thunks)
    assert f(np.float32([[2]])) == 6


@pytest.mark.parametrize("name, options", [
    ("cnn14", {"dropout": False}), ("lenet5", {}),
    ("lenet5", {"variant": "classic", "batch_norm": True}),  # same Ops as in four-conv
    ("small_vgg", {"width": 8, "num_dense_units": 20})])
def test_losses_of_the_papers_nets(name, options, monkeypatch):
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(5, 1, 96, 96)).astype("float32")
    y = rng.uniform(-0.8, 0.8, (5, 30)).astype("float32")
    losses = []
    for setting in "10":
        monkeypatch.setenv("FACEKP_FUSED", setting)
        net = models.MODELS[name](**options)
        net.initialize()
        losses.append([net.train_iter_(X, y)[0] for _ in range(3)] + [net.eval_iter_(X, y)[0]])
    before, after = zip(*[(row[0], row[1:]) for row in losses])
    np.testing.assert_allclose(*before, rtol=1e-4 if options.get("batch_norm") else 2e-6)
    # The first steps of Adam and Adagrad are the gradients' signs, so that the rounding of the
    # smallest gradients shows.
    np.testing.assert_allclose(*after, rtol=2e-3)


def test_a_net_with_fused_false_has_stock_ops_alone():
    for wanted in (True, False):
        net = models.MODELS["lenet5"](variant="classic", fused=wanted)
        net.initialize()
        nodes = net.predict_iter_.function.maker.fgraph.apply_nodes
        assert any(isinstance(node.op, FusedOp) for node in nodes) == wanted
