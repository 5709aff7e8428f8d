"""The outputs of a trained net's convolutional layers."""
import numpy as np


def conv_outputs(net, image):
    """An image after each convolutional layer and its nonlinearity.

    Parameters
    ----------
    net : KeypointNet
    image : float array (1, 96, 96) in [0, 1]

    Returns
    -------
    dict of str -> float32 array (channels, height, width)
        By layer name, in the order of the layers.

    Examples
    --------
    >>> net = load_net("runs/lenet/lenet5/fold0")                          # doctest: +SKIP
    >>> conv_outputs(net, X[0])["conv1"].shape                             # doctest: +SKIP
    (16, 92, 92)
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
