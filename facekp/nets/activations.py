"""The convolutions of a trained net: their weights, and what they make of an image."""
from pathlib import Path

import numpy as np

from facekp.errors import RunError
from facekp.runs.folder import Run

CONV_WEIGHTS = "conv_weights.npz"
"""Of a run in results/: the part of weights.npz that belongs to convolutions."""


def load_conv_net(folder):
    """A net with a run's trained convolutions, not compiled; other layers may be untrained.

    Parameters
    ----------
    folder : path
        Of a run with weights.npz, or with conv_weights.npz alone, as results/ has it.

    Returns
    -------
    KeypointNet

    Raises
    ------
    RunError
        If the folder holds neither file, or what it holds does not fit together.
    """
    from facekp.nets.models import build
    from facekp.training.predict import read_weights, settings_of

    folder = Path(folder)
    whole, part = Run(folder).weights, folder / CONV_WEIGHTS
    if not whole.exists() and not part.exists():
        raise RunError(f"{folder}: has no weights.npz or {CONV_WEIGHTS}; let the run end (the same "
                       "command goes on), or name another run folder")
    net = build(settings_of(folder))
    if whole.exists():
        read_weights(net, whole)
    else:
        read_weights(net, part, prefix="conv")
    return net


def conv_outputs(net, image):
    """An image after each convolutional layer and its nonlinearity.

    Parameters
    ----------
    net : KeypointNet
    image : float array (1, 96, 96) in [0, 1]

    Returns
    -------
    dict of str -> float32 array (channels, height, width), by the layers' names, in order
    """
    from facekp import fused
    import lasagne
    import theano

    net.weights()  # makes the layers
    layers = {name: layer for name, layer in net.layers_.items()
              if isinstance(layer, lasagne.layers.Conv2DLayer)}
    X = net.layers_["input"].input_var
    outputs = [fused.get_output(layer, deterministic=True) for layer in layers.values()]
    found = theano.function([X], outputs, mode=fused.mode())(
        np.asarray(image, np.float32)[np.newaxis])
    return {name: output[0] for name, output in zip(layers, found)}
