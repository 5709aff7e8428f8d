"""VGGNet (paper, sections 2.2 and 5.2)."""
from facekp.nets.parts import hidden, net

from lasagne import init
from lasagne.layers import Conv2DLayer, DenseLayer, DropoutLayer, MaxPool2DLayer
from lasagne.nonlinearities import tanh

from facekp.errors import ConfigError


def vggnet(initial_weights="he", num_dense_units=4096, dropout=True, output_nonlinearity=tanh,
           optimizer="adam", learning_rate=0.0003, batch_size=32, seed=0, fused=True, **options):
    """VGG-16, configuration D of Simonyan & Zisserman 2015, on 96x96 (paper, sections 2.2, 5.2).

    ==========  =============  ==========
    layer       output shape   parameters
    ==========  =============  ==========
    input       1x96x96                 0
    conv1_1     64x96x96              640
    conv1_2     64x96x96            36928
    pool1       64x48x48                0
    conv2_1     128x48x48           73856
    conv2_2     128x48x48          147584
    pool2       128x24x24               0
    conv3_1     256x24x24          295168
    conv3_2     256x24x24          590080
    conv3_3     256x24x24          590080
    pool3       256x12x12               0
    conv4_1     512x12x12         1180160
    conv4_2     512x12x12         2359808
    conv4_3     512x12x12         2359808
    pool4       512x6x6                 0
    conv5_1     512x6x6           2359808
    conv5_2     512x6x6           2359808
    conv5_3     512x6x6           2359808
    pool5       512x3x3                 0
    dense1      4096             18878464
    dropout1    4096                    0
    dense2      4096             16781312
    dropout2    4096                    0
    output      30                 122910
    ==========  =============  ==========

    Every convolution is 3x3 with one pixel of zero padding.

    Parameters
    ----------
    initial_weights : str
        ``"he"``: the initial weights that He et al. 2015 propose for ReLU; ``"glorot"``: Lasagne's
        default (Glorot & Bengio 2010). These are smaller, and the signal shrinks over 13 layers.
    num_dense_units : int
        Units of the two dense layers.
    dropout : bool
        Dropout of 0.5 after each of the two dense layers, as in VGG.
    output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused, **options :
        see :func:`facekp.nets.lenet.lenet5`

    Returns
    -------
    KeypointNet, untrained

    Raises
    ------
    ConfigError
        If `initial_weights` is unknown.

    Examples
    --------
    >>> len(vggnet().layers), len(vggnet(dropout=False).layers)
    (24, 22)
    """
    starts = {"he": init.HeNormal("relu"), "glorot": init.GlorotUniform()}
    if initial_weights not in starts:
        raise ConfigError(f"initial_weights: found {initial_weights!r}, expected one of "
                          f"{', '.join(starts)}")
    W = starts[initial_weights]
    layers = []
    for block, (num_filters, depth) in enumerate(
            [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)], 1):
        for i in range(1, depth + 1):
            layers += hidden(Conv2DLayer, f"conv{block}_{i}", batch_norm=False, pad=1,
                             num_filters=num_filters, filter_size=3, W=W)
        layers += [(MaxPool2DLayer, {"name": f"pool{block}", "pool_size": 2})]
    for i in (1, 2):
        layers += hidden(DenseLayer, f"dense{i}", batch_norm=False, num_units=num_dense_units, W=W)
        if dropout:
            layers += [(DropoutLayer, {"name": f"dropout{i}", "p": 0.5})]
    return net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused,
               **options)
