"""A table of a net's layers: the kind of each, its output shape and its parameters."""
from typing import NamedTuple, Tuple

import numpy as np

ACTIVATIONS = {"rectify": "ReLU", "identity": "", "linear": ""}


class LayerRow(NamedTuple):
    """One layer of a net.

    Attributes
    ----------
    name : str
    kind : str, one of input, convolution, pooling, dropout, dense, normalization, activation
    detail : str, like ``conv 3 x 3``, with a multiplication sign; ``conv 3 x 3 / 2`` with stride 2
    activation : str, like ``ReLU``; empty if there is none
    shape : tuple of int, of the output without the batch
    n_params : int, trainable parameters
    """

    name: str
    kind: str
    detail: str
    activation: str
    shape: Tuple[int, ...]
    n_params: int


def layer_rows(net):
    """The layers of a net, from its own definition.

    Parameters
    ----------
    net : KeypointNet; its layers are made if they are not there yet, but nothing is compiled

    Returns
    -------
    list of LayerRow, from the input to the output

    Examples
    --------
    >>> from facekp.nets.lenet import lenet5
    >>> for row in layer_rows(lenet5("classic"))[:3]:
    ...     print(row.name, row.kind, row.shape, row.n_params)
    input input (1, 96, 96) 0
    conv1 convolution (6, 92, 92) 156
    pool1 pooling (6, 46, 46) 0
    """
    from lasagne.layers import get_all_layers

    net.weights()  # makes the layers
    [output] = net._output_layers
    return [LayerRow(layer.name, *_described(layer), _activation(layer),
                     tuple(layer.output_shape[1:]),
                     sum(int(np.prod(parameter.get_value(borrow=True).shape))
                         for parameter in layer.get_params(trainable=True)))
            for layer in get_all_layers(output)]


def _described(layer):
    from lasagne import layers
    from facekp.engine.layers import BatchNormLayer, SoftArgmaxLayer, UpscaleConcatLayer

    if isinstance(layer, layers.InputLayer):
        return "input", "image"
    if isinstance(layer, layers.Conv2DLayer):
        stride = "" if layer.stride == (1, 1) else f" / {layer.stride[0]}"
        return "convolution", f"conv {_size(layer.filter_size)}{stride}"
    if isinstance(layer, layers.GlobalPoolLayer):
        return "pooling", "global average"
    if isinstance(layer, layers.ElemwiseSumLayer):
        return "activation", "sum"
    if isinstance(layer, layers.MaxPool2DLayer):
        return "pooling", f"max pool {_size(layer.pool_size)}"
    if isinstance(layer, layers.DropoutLayer):
        return "dropout", f"dropout {layer.p:g}"
    if isinstance(layer, layers.DenseLayer):
        return "dense", "dense"
    if isinstance(layer, BatchNormLayer):
        return "normalization", "batch norm"
    if isinstance(layer, UpscaleConcatLayer):
        return "activation", "twice as large, joined"
    if isinstance(layer, SoftArgmaxLayer):
        return "activation", "softmax, mean place"
    return "activation", ""


def _activation(layer):
    nonlinearity = getattr(layer, "nonlinearity", None)
    name = getattr(nonlinearity, "__name__", "")
    return ACTIVATIONS.get(name, name)


def _size(size):
    height, width = size
    return f"{height}\u00d7{width}"
