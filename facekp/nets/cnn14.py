"""The 14-layer CNN (paper, sections 2.3 and 5.3)."""
from facekp.nets.parts import hidden, net

from lasagne.layers import Conv2DLayer, DenseLayer, DropoutLayer, MaxPool2DLayer
from lasagne.nonlinearities import tanh


def cnn14(dropout=True, num_dense_units=500, output_nonlinearity=tanh, optimizer="adagrad",
          learning_rate=0.01, batch_size=128, seed=0, fused=True, **options):
    """The CNN that has 14 layers as nolearn counts them (paper, sections 2.3 and 5.3).

    ==========  =============  ==========
    layer       output shape   parameters
    ==========  =============  ==========
    input       1x96x96                 0
    conv1       32x94x94              320
    pool1       32x47x47                0
    dropout1    32x47x47                0
    conv2       64x46x46             8256
    pool2       64x23x23                0
    dropout2    64x23x23                0
    conv3       128x22x22           32896
    pool3       128x11x11               0
    dropout3    128x11x11               0
    dense1      500               7744500
    dropout4    500                     0
    dense2      500                250500
    output      30                  15030
    ==========  =============  ==========

    Parameters
    ----------
    dropout : bool
        With the four dropout layers (0.1, 0.2, 0.3, 0.5); without them 10 layers remain.
    num_dense_units : int
        Units of the two dense layers.
    output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused, **options :
        see :func:`facekp.nets.lenet.lenet5`

    Returns
    -------
    KeypointNet, untrained

    Examples
    --------
    >>> len(cnn14().layers), len(cnn14(dropout=False).layers)
    (14, 10)
    """
    layers = []
    for i, (num_filters, filter_size, p) in enumerate([(32, 3, .1), (64, 2, .2), (128, 2, .3)], 1):
        layers += hidden(Conv2DLayer, f"conv{i}", batch_norm=False,
                         num_filters=num_filters, filter_size=filter_size)
        layers += [(MaxPool2DLayer, {"name": f"pool{i}", "pool_size": 2}),
                   (DropoutLayer, {"name": f"dropout{i}", "p": p})]
    layers += hidden(DenseLayer, "dense1", batch_norm=False, num_units=num_dense_units)
    layers += [(DropoutLayer, {"name": "dropout4", "p": 0.5})]
    layers += hidden(DenseLayer, "dense2", batch_norm=False, num_units=num_dense_units)
    if not dropout:
        layers = [layer for layer in layers if layer[0] is not DropoutLayer]
    return net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused,
               **options)
