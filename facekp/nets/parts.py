"""What the architectures share: input, hidden layers, and the net around a list of layers."""
from facekp.nets.net import KeypointNet, SeededSplit, ShuffledBatches

from lasagne.layers import DenseLayer, InputLayer, NonlinearityLayer
from lasagne.nonlinearities import identity, rectify
from lasagne.objectives import squared_error
from nolearn.lasagne import BatchIterator

from facekp.engine.layers import BatchNormLayer
from facekp.keypoints import COLUMNS, SIZE
from facekp.nets import optimizers


def input_layer():
    return (InputLayer, {"name": "input", "shape": (None, 1, SIZE, SIZE)})


def hidden(layer, name, batch_norm, **options):
    """A layer with weights and ReLU, with batch normalization between them if asked for."""
    if not batch_norm:
        return [(layer, {"name": name, "nonlinearity": rectify, **options})]
    # No bias: beta of the normalization takes its place (Ioffe & Szegedy, section 3.2).
    return [(layer, {"name": name, "nonlinearity": identity, "b": None, **options}),
            (BatchNormLayer, {"name": f"{name}_bn"}),
            (NonlinearityLayer, {"name": f"{name}_relu", "nonlinearity": rectify})]


def net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused):
    output = (DenseLayer, {"name": "output", "num_units": len(COLUMNS),
                           "nonlinearity": output_nonlinearity})
    rule = optimizers.get(optimizer)
    made = KeypointNet(
        [input_layer()] + layers + [output],
        regression=True,
        objective_loss_function=squared_error,
        update=rule.update,
        batch_iterator_train=ShuffledBatches(batch_size, seed),
        batch_iterator_test=BatchIterator(batch_size),
        train_split=SeededSplit(seed),
        **{f"update_{name}": value for name, value in rule.options(learning_rate).items()})
    made.fused = fused
    return made
