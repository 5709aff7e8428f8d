"""A small VGG: eight convolutions of 3x3 and two dense layers, trained from nothing in an hour."""
from facekp.nets.parts import hidden, net

from lasagne import init
from lasagne.layers import Conv2DLayer, DenseLayer, DropoutLayer, MaxPool2DLayer
from lasagne.nonlinearities import tanh


def small_vgg(width=32, num_dense_units=256, batch_norm=False, dropout=False,
              output_nonlinearity=tanh, optimizer="adam", learning_rate=0.0007, batch_size=64,
              seed=0, fused=True, **options):
    """Four blocks of two convolutions: a fifteenth of VGG-16's parameters, not in the paper.

    ==========  =============  ==========
    layer       output shape   parameters
    ==========  =============  ==========
    input       1x96x96                 0
    conv1_1     32x96x96              320
    conv1_2     32x96x96             9248
    pool1       32x48x48                0
    conv2_1     64x48x48            18496
    conv2_2     64x48x48            36928
    pool2       64x24x24                0
    conv3_1     128x24x24           73856
    conv3_2     128x24x24          147584
    pool3       128x12x12               0
    conv4_1     256x12x12          295168
    conv4_2     256x12x12          590080
    pool4       256x6x6                 0
    dense1      256               2359552
    dense2      256                 65792
    output      30                   7710
    ==========  =============  ==========

    Every convolution is 3x3 with one pixel of zero padding (Simonyan & Zisserman 2015); hidden
    layers start as He et al. 2015 propose for ReLU.

    Parameters
    ----------
    width : int
        Filters of the first block; each block has twice those of the one before.
    num_dense_units : int
        Units of the two dense layers.
    batch_norm : bool
        Batch normalization before each ReLU, instead of biases.
    dropout : bool
        Dropout of 0.5 after each of the two dense layers, as VGG has it.
    output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused, **options :
        see :func:`facekp.nets.lenet.lenet5`

    Returns
    -------
    KeypointNet, unfitted

    Examples
    --------
    >>> len(small_vgg().layers), len(small_vgg(dropout=True).layers)
    (16, 18)
    """
    W = init.HeNormal("relu")
    layers = []
    for block in (1, 2, 3, 4):
        for i in (1, 2):
            layers += hidden(Conv2DLayer, f"conv{block}_{i}", batch_norm, pad=1, W=W,
                             num_filters=width * 2 ** (block - 1), filter_size=3)
        layers += [(MaxPool2DLayer, {"name": f"pool{block}", "pool_size": 2})]
    for i in (1, 2):
        layers += hidden(DenseLayer, f"dense{i}", batch_norm, num_units=num_dense_units, W=W)
        if dropout:
            layers += [(DropoutLayer, {"name": f"dropout{i}", "p": 0.5})]
    return net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused,
               **options)
