"""LeNet-5 (paper, sections 2.1, 5.1 and 5.4)."""
from facekp.nets.parts import hidden, net

from lasagne.layers import Conv2DLayer, DenseLayer, MaxPool2DLayer
from lasagne.nonlinearities import tanh

from facekp.errors import ConfigError


def lenet5(variant="four-conv", batch_norm=False, output_nonlinearity=tanh, optimizer="adam",
           learning_rate=0.001, batch_size=128, seed=0, fused=True, **options):
    """LeNet-5 with four convolutional layers (paper, sections 2.1, 5.1 and 5.4).

    ==========  =============  ==========
    layer       output shape   parameters
    ==========  =============  ==========
    input       1x96x96                 0
    conv1       16x92x92              416
    pool1       16x46x46                0
    conv2       32x42x42            12832
    pool2       32x21x21                0
    conv3       64x17x17            51264
    pool3       64x8x8                  0
    conv4       128x6x6             73856
    pool4       128x3x3                 0
    dense1      120                138360
    dense2      84                  10164
    output      30                   2550
    ==========  =============  ==========

    Parameters
    ----------
    variant : {"four-conv", "classic"}
        The paper's text says four convolutional layers (the table above); its figure 1 is the
        classic net of LeCun et al. 1998: conv1 (6x92x92), pool1, conv2 (16x42x42), pool2,
        dense 120, dense 84.
    batch_norm : bool
        Batch normalization before each ReLU (section 5.4; Ioffe & Szegedy 2015). These layers then
        have no biases, because the normalization has its own.
    output_nonlinearity : Lasagne nonlinearity
    optimizer, learning_rate : see :mod:`facekp.nets.optimizers`
    batch_size, seed : int
    fused : bool
        False: use Theano's stock Ops also where the fused ones (:mod:`facekp.fused`) could be used.
    **options
        Further arguments of nolearn's NeuralNet, like ``max_epochs=5`` or ``verbose=1``.

    Returns
    -------
    KeypointNet, untrained

    Raises
    ------
    ConfigError
        If `variant` or `optimizer` is unknown.
    TypeError
        If nolearn's NeuralNet has no such argument.

    Examples
    --------
    >>> net = lenet5("classic", batch_norm=True)
    >>> list(net.weights())[:5]
    ['conv1.W', 'conv1_bn.beta', 'conv1_bn.gamma', 'conv1_bn.mean', 'conv1_bn.var']
    """
    variants = {"four-conv": [(16, 5), (32, 5), (64, 5), (128, 3)], "classic": [(6, 5), (16, 5)]}
    if variant not in variants:
        raise ConfigError(f"variant: found {variant!r}, expected one of {', '.join(variants)}")
    layers = []
    for i, (num_filters, filter_size) in enumerate(variants[variant], 1):
        layers += hidden(Conv2DLayer, f"conv{i}", batch_norm,
                         num_filters=num_filters, filter_size=filter_size)
        layers += [(MaxPool2DLayer, {"name": f"pool{i}", "pool_size": 2})]
    for i, num_units in enumerate((120, 84), 1):
        layers += hidden(DenseLayer, f"dense{i}", batch_norm, num_units=num_units)
    return net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused,
               **options)
