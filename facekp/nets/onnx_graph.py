"""A Lasagne net as an ONNX graph: images in, keypoints in pixels out; several nets are averaged.

ONNX is a file format for trained nets that other libraries run, onnxruntime for example: whoever
predicts with the file needs neither Theano nor Lasagne. https://onnx.ai
"""
import facekp.engine.ready  # noqa: F401  (readies Theano and Lasagne)

import numpy as np
import onnx
import theano.tensor as T
from lasagne import layers, nonlinearities
from onnx import TensorProto, helper, numpy_helper

from facekp.data.schemes import FOUR_COLUMNS
from facekp.engine.layers import BatchNormLayer, SoftArgmaxLayer, UpscaleConcatLayer
from facekp.errors import ConfigError
from facekp.keypoints import COLUMNS, SIZE
from facekp.nets.heads import SchemeInputLayer

OPSET, IR_VERSION = 13, 8
"""Old enough for onnxruntime 1.10 and the browsers' one, new enough for Gemm without a bias."""

INPUT, OUTPUT = "image", "keypoints_px"
"""Names of the graph's input (n, 1, 96, 96) in [0, 1] and output (n, 30), px."""

_NONLINEARITIES = {nonlinearities.rectify: "Relu", nonlinearities.tanh: "Tanh",
                   nonlinearities.sigmoid: "Sigmoid"}


def to_onnx(nets, metadata=None):
    """The graph of a net, or of the mean of several.

    Parameters
    ----------
    nets : list of KeypointNet; initialized here if they are not, without compiling anything
    metadata : dict of str -> str, stored in the file

    Returns
    -------
    onnx.ModelProto
        Input ``image`` (n, 1, 96, 96) float32 in [0, 1], output ``keypoints_px`` (n, 30) float32.

    Raises
    ------
    ConfigError
        If a net has a layer or a nonlinearity that has no counterpart here.
    """
    graph = _Graph()
    scaled = []
    for number, net in enumerate(nets):
        net.weights()  # makes the layers
        [output] = net._output_layers
        scaled.append(graph.add_net(output, f"net{number}." if len(nets) > 1 else ""))
    mean = graph.node("Mean", scaled, "mean") if len(nets) > 1 else scaled[0]
    half = graph.constant("half_size", np.float32(SIZE / 2))
    # keypoints.unscale: y * 48 + 48
    graph.node("Add", [graph.node("Mul", [mean, half], "in_px_from_middle"), half], OUTPUT)
    image = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", 1, SIZE, SIZE])
    points = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", len(COLUMNS)])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "facekp", [image], [points], graph.initializers),
        opset_imports=[helper.make_opsetid("", OPSET)], producer_name="facekp")
    model.ir_version = IR_VERSION
    helper.set_model_props(model, metadata or {})
    return model


HALF_FROM = 10_000
"""Fewer weights than these stay as they are. A layer on few channels of many pixels is the most
sensitive: rounding the U-Net's first 144 weights moves keypoints by more than all others do."""


def with_half_weights(model, eight_bits_from=None):
    """The same graph with its weights stored in fewer bits, and turned back when it runs.

    Parameters
    ----------
    model : onnx.ModelProto
    eight_bits_from : int or None
        Weights of at least so many values are stored in 8 bits, with a scale of its own for each
        output of the layer; all others from `HALF_FROM` on in half precision.

    Returns
    -------
    onnx.ModelProto, about half as large, or less
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    nodes, scales = [], []
    for tensor in small.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        name, W = tensor.name, numpy_helper.to_array(tensor)
        if W.size < HALF_FROM:
            continue
        if eight_bits_from is not None and W.size >= eight_bits_from:
            axis = 0 if W.ndim == 4 else 1  # that of the layer's outputs
            others = tuple(k for k in range(W.ndim) if k != axis)
            scale = np.maximum(np.abs(W).max(axis=others, keepdims=True) / 127, 1e-12)
            stored, kind = np.rint(W / scale).astype(np.int8), "bytes"
            scales.append(numpy_helper.from_array(scale.ravel().astype(np.float32),
                                                  f"{name}.scale"))
            nodes.append(helper.make_node("DequantizeLinear", [f"{name}.bytes", f"{name}.scale"],
                                          [name], name=f"{name}.cast", axis=axis))
        else:
            stored, kind = W.astype(np.float16), "half"
            nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast",
                                          to=TensorProto.FLOAT))
        tensor.CopyFrom(numpy_helper.from_array(stored, f"{name}.{kind}"))
    nodes += list(small.graph.node)  # a node comes after those that it takes from
    del small.graph.node[:]
    small.graph.node.extend(nodes)
    small.graph.initializer.extend(scales)
    return small


class _Graph:
    """Nodes and weights as they are added; a value is known by its name."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def node(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(
            np.ascontiguousarray(value, np.float32).reshape(np.shape(value)), name))
        return name

    def add_net(self, output, prefix):
        """Add all layers up to `output`; returns the name of its value."""
        values = {}
        for layer in layers.get_all_layers(output):
            if isinstance(layer, layers.InputLayer):
                values[layer] = INPUT
                continue
            add = next((_ADD[kind] for kind in type(layer).__mro__ if kind in _ADD), None)
            if add is None:
                raise ConfigError(f"layer {layer.name}: found a {type(layer).__name__}, which "
                                  "cannot be written as ONNX; expected one of "
                                  + ", ".join(kind.__name__ for kind in _ADD))
            below = getattr(layer, "input_layers", None) or [layer.input_layer]
            values[layer] = add(self, layer, [values[one] for one in below],
                                prefix + (layer.name or f"layer{len(values)}"))
        if output.output_shape[1] > len(COLUMNS):  # of two schemes: the first has all keypoints
            first = self.constant(f"{prefix}first", np.eye(output.output_shape[1], len(COLUMNS)))
            return self.node("MatMul", [values[output], first], f"{prefix}first_scheme")
        return values[output]

    def parameter(self, name, parameter, turn=lambda value: value):
        return self.constant(name, turn(parameter.get_value(borrow=True)))

    def activation(self, layer, value, name):
        """What a layer's nonlinearity makes of a value."""
        kind = layer.nonlinearity
        if kind is nonlinearities.identity:
            return value
        if isinstance(kind, nonlinearities.LeakyRectify):
            return self.node("LeakyRelu", [value], f"{name}.y", alpha=float(kind.leakiness))
        if kind not in _NONLINEARITIES:
            raise ConfigError(f"layer {layer.name}: found the nonlinearity {kind!r}, which cannot "
                              "be written as ONNX; expected rectify, leaky_rectify, tanh, sigmoid "
                              "or identity")
        return self.node(_NONLINEARITIES[kind], [value], f"{name}.y")


def _conv(graph, layer, inputs, name):
    pads = {"same": [(size // 2, (size - 1) // 2) for size in layer.filter_size],
            "full": [(size - 1, size - 1) for size in layer.filter_size]}
    pads = (pads[layer.pad] if isinstance(layer.pad, str) else [(pad, pad) for pad in layer.pad])
    # Theano convolves, ONNX correlates: the kernels are turned by 180 degrees.
    inputs = inputs + [graph.parameter(f"{name}.W", layer.W, lambda W: W[:, :, ::-1, ::-1])]
    if layer.b is not None and not layer.untie_biases:
        inputs.append(graph.parameter(f"{name}.b", layer.b))
    value = graph.node("Conv", inputs, f"{name}.conv", kernel_shape=list(layer.filter_size),
                       strides=list(layer.stride), pads=_begins_and_ends(pads))
    if layer.b is not None and layer.untie_biases:  # a bias for each place
        value = graph.node("Add", [value, graph.parameter(f"{name}.b", layer.b)], f"{name}.biased")
    return graph.activation(layer, value, name)


def _begins_and_ends(pads):
    return [pad[0] for pad in pads] + [pad[1] for pad in pads]


def _pool(graph, layer, inputs, name):
    options = {"kernel_shape": list(layer.pool_size), "strides": list(layer.stride),
               "pads": list(layer.pad) * 2, "ceil_mode": int(not layer.ignore_border)}
    if layer.mode == "max":
        return graph.node("MaxPool", inputs, name, **options)
    return graph.node("AveragePool", inputs, name, **options,
                      count_include_pad=int(layer.mode == "average_inc_pad"))


def _global_pool(graph, layer, inputs, name):
    kinds = {T.mean: "GlobalAveragePool", T.max: "GlobalMaxPool"}
    if layer.pool_function not in kinds:
        raise ConfigError(f"layer {layer.name}: found the pool function {layer.pool_function!r}, "
                          "expected theano.tensor.mean or theano.tensor.max")
    value = graph.node(kinds[layer.pool_function], inputs, f"{name}.pooled")  # (n, channels, 1, 1)
    return graph.node("Flatten", [value], name)


def _dense(graph, layer, inputs, name):
    if len(layer.input_shape) > 2:
        inputs = [graph.node("Flatten", inputs, f"{name}.flat")]
    inputs = inputs + [graph.parameter(f"{name}.W", layer.W)]
    if layer.b is not None:
        inputs.append(graph.parameter(f"{name}.b", layer.b))
    return graph.activation(layer, graph.node("Gemm", inputs, f"{name}.gemm"), name)


def _batch_norm(graph, layer, inputs, name):
    parameters = [graph.parameter(f"{name}.{part}", getattr(layer, part))
                  for part in ("gamma", "beta", "mean", "var")]
    return graph.node("BatchNormalization", inputs + parameters, name,
                      epsilon=float(layer.epsilon))


def _sum(graph, layer, inputs, name):
    terms = [value if coeff == 1 else
             graph.node("Mul", [value, graph.constant(f"{name}.coeff{i}", np.float32(coeff))],
                        f"{name}.term{i}")
             for i, (value, coeff) in enumerate(zip(inputs, layer.coeffs))]
    return graph.node("Sum", terms, name)


def _upscale_concat(graph, layer, inputs, name):
    x, skip = inputs
    twice = graph.constant(f"{name}.twice", np.float32([1, 1, 2, 2]))
    large = graph.node("Resize", [x, "", twice], f"{name}.large", mode="nearest",
                       coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return graph.node("Concat", [large, skip], name, axis=1)


def _soft_argmax(graph, layer, inputs, name):
    maps = graph.node("Flatten", inputs, f"{name}.flat", axis=2)             # (n * maps, cells)
    shares = graph.node("Softmax", [maps], f"{name}.shares", axis=1)
    places = graph.constant(f"{name}.places", layer.places)
    means = graph.node("MatMul", [shares, places], f"{name}.means")          # (n * maps, 2)
    shape = f"{name}.shape"
    graph.initializers.append(numpy_helper.from_array(
        np.array([-1, layer.output_shape[1]], np.int64), shape))
    return graph.node("Reshape", [means, shape], name)


def _scheme_input(graph, layer, inputs, name):
    width = len(COLUMNS) + len(FOUR_COLUMNS)
    copies, moves = np.eye(len(COLUMNS), width), np.zeros(width)
    copies[FOUR_COLUMNS, range(len(COLUMNS), width)] = 1
    moves[len(COLUMNS):] = layer.v.get_value(borrow=True)
    value = graph.node("Gemm", inputs + [graph.constant(f"{name}.copies", copies),
                                         graph.constant(f"{name}.v", moves)], f"{name}.gemm")
    return graph.activation(layer, value, name)


_ADD = {
    layers.Conv2DLayer: _conv,
    layers.Pool2DLayer: _pool,
    layers.GlobalPoolLayer: _global_pool,
    layers.DenseLayer: _dense,
    layers.DropoutLayer: lambda graph, layer, inputs, name: inputs[0],
    BatchNormLayer: _batch_norm,
    layers.NonlinearityLayer: lambda graph, layer, inputs, name: graph.activation(
        layer, inputs[0], name),
    layers.ElemwiseSumLayer: _sum,
    SchemeInputLayer: _scheme_input,
    SoftArgmaxLayer: _soft_argmax,
    UpscaleConcatLayer: _upscale_concat,
}
"""How each kind of layer is added to the graph; a subclass as its nearest ancestor here."""
