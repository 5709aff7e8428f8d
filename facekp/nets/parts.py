"""Parts that several architectures use: input, hidden layers, and the net from a list of layers."""
import inspect

from facekp.nets.net import KeypointNet, SeededSplit, ShuffledBatches

from lasagne import init
from lasagne.layers import (Conv2DLayer, DenseLayer, ElemwiseSumLayer, InputLayer,
                            NonlinearityLayer)
from lasagne.nonlinearities import identity, rectify
from lasagne.objectives import squared_error
from nolearn.lasagne import BatchIterator, NeuralNet

from facekp.engine.layers import BatchNormLayer
from facekp.keypoints import COLUMNS, SIZE
from facekp.nets import optimizers


def input_layer():
    return (InputLayer, {"name": "input", "shape": (None, 1, SIZE, SIZE)})


def hidden(layer, name, batch_norm, **options):
    """A layer with weights and ReLU; `batch_norm` puts batch normalization between the two."""
    if not batch_norm:
        return [(layer, {"name": name, "nonlinearity": rectify, **options})]
    return normalized(layer, name, **options) + [
        (NonlinearityLayer, {"name": f"{name}_relu", "nonlinearity": rectify})]


def normalized(layer, name, **options):
    """A layer with weights and batch normalization."""
    # No bias: beta of the normalization takes its place (Ioffe & Szegedy, section 3.2).
    return [(layer, {"name": name, "nonlinearity": identity, "b": None, **options}),
            (BatchNormLayer, {"name": f"{name}_bn"})]


def residual_block(name, incoming, num_filters, halve):
    """A basic block: relu(bn(conv(relu(bn(conv(x))))) + x), x projected if `halve`.

    Parameters
    ----------
    name : str, what the names of its layers begin with
    incoming : str, the name of the layer before
    num_filters : int
    halve : bool
        Whether the first convolution and a 1x1 convolution of x have stride 2.

    Returns
    -------
    list of (Layer, dict), as nolearn takes them; the last layer's name is ``{name}_relu``
    """
    common = {"num_filters": num_filters, "W": init.HeNormal("relu")}
    stride = 2 if halve else 1
    layers = hidden(Conv2DLayer, f"{name}_conv1", batch_norm=True, incoming=incoming,
                    filter_size=3, pad=1, stride=stride, **common)
    layers += normalized(Conv2DLayer, f"{name}_conv2", filter_size=3, pad=1, **common)
    shortcut = incoming
    if halve:
        layers += normalized(Conv2DLayer, f"{name}_shortcut", incoming=incoming, filter_size=1,
                             stride=stride, **common)
        shortcut = f"{name}_shortcut_bn"
    return layers + [
        (ElemwiseSumLayer, {"name": f"{name}_sum", "incomings": [f"{name}_conv2_bn", shortcut]}),
        (NonlinearityLayer, {"name": f"{name}_relu", "nonlinearity": rectify})]


def net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused=True,
        **options):
    """The net of these hidden layers; `options` are further arguments of nolearn's NeuralNet."""
    output = (DenseLayer, {"name": "output", "num_units": len(COLUMNS),
                           "nonlinearity": output_nonlinearity})
    return net_of(layers + [output], optimizer, learning_rate, batch_size, seed, fused, **options)


def net_of(layers, optimizer, learning_rate, batch_size, seed, fused=True, **options):
    """The net of these layers, all but the input; the last one's output is the keypoints."""
    check_options(options, layers)
    rule = optimizers.get(optimizer)
    own = dict(
        regression=True,
        objective_loss_function=squared_error,
        update=rule.update,
        batch_iterator_train=ShuffledBatches(batch_size, seed),
        batch_iterator_test=BatchIterator(batch_size),
        train_split=SeededSplit(seed),
        **{f"update_{name}": value for name, value in rule.options(learning_rate).items()})
    return KeypointNet([input_layer()] + layers, fused, **{**own, **options})


def check_options(options, layers):
    """Raise TypeError for a name that nolearn's NeuralNet does not know.

    nolearn itself says so only when the net is initialized, and does not name what it knows.
    """
    known = [name for name, parameter in inspect.signature(NeuralNet.__init__).parameters.items()
             if parameter.kind is parameter.POSITIONAL_OR_KEYWORD][2:]  # without self and layers
    parts = ["update", "objective", *(arguments["name"] for _, arguments in layers)]
    for name in options:
        if name not in known and not name.startswith(tuple(f"{part}_" for part in parts)):
            raise TypeError(f"found an argument {name!r}, which neither this net nor nolearn's "
                            f"NeuralNet has; NeuralNet's are {', '.join(known)}, and those of the "
                            "update, the objective or a layer, like update_momentum")
