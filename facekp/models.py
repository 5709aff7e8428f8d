"""The paper's three architectures as nolearn nets of plain Lasagne layers (sections 2.1 to 2.3).

Each function returns an unfitted :class:`facekp.net.KeypointNet` that takes images (n, 1, 96, 96)
float32 in [0, 1] and learns keypoints (n, 30) float32, scaled to [-1, 1].
"""
from facekp.net import KeypointNet, SeededSplit, ShuffledBatches

from lasagne import init
from lasagne.layers import (Conv2DLayer, DenseLayer, DropoutLayer, InputLayer, MaxPool2DLayer,
                            NonlinearityLayer)
from lasagne.nonlinearities import identity, rectify, tanh
from lasagne.objectives import squared_error
from nolearn.lasagne import BatchIterator

from facekp import optimizers
from facekp.errors import ConfigError
from facekp.keypoints import COLUMNS, SIZE
from facekp.layers import BatchNormLayer

MAX_DENSE_UNITS = 2**14
"""Four times VGG's; its two dense layers would take 1.4 GB."""


def _input():
    return (InputLayer, {"name": "input", "shape": (None, 1, SIZE, SIZE)})


def _hidden(layer, name, batch_norm, **options):
    """A layer with weights and ReLU, with batch normalization between them if asked for."""
    if not batch_norm:
        return [(layer, {"name": name, "nonlinearity": rectify, **options})]
    # No bias: beta of the normalization takes its place (Ioffe & Szegedy, section 3.2).
    return [(layer, {"name": name, "nonlinearity": identity, "b": None, **options}),
            (BatchNormLayer, {"name": f"{name}_bn"}),
            (NonlinearityLayer, {"name": f"{name}_relu", "nonlinearity": rectify})]


def _net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused):
    output = (DenseLayer, {"name": "output", "num_units": len(COLUMNS),
                           "nonlinearity": output_nonlinearity})
    rule = optimizers.get(optimizer)
    net = KeypointNet(
        [_input()] + layers + [output],
        regression=True,
        objective_loss_function=squared_error,
        update=rule.update,
        batch_iterator_train=ShuffledBatches(batch_size, seed),
        batch_iterator_test=BatchIterator(batch_size),
        train_split=SeededSplit(seed),
        **{f"update_{name}": value for name, value in rule.options(learning_rate).items()})
    net.fused = fused
    return net


def lenet5(variant="four-conv", batch_norm=False, output_nonlinearity=tanh, optimizer="adam",
           learning_rate=0.001, batch_size=128, seed=0, fused=True):
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
        Batch normalization before each ReLU (section 5.4; Ioffe & Szegedy 2015). The layers lose
        their biases, which the normalization makes redundant.
    output_nonlinearity : Lasagne nonlinearity
    optimizer, learning_rate : see :mod:`facekp.optimizers`
    batch_size, seed : int
    fused : bool
        False for Theano's stock Ops where the fused ones (:mod:`facekp.fused`) would be used.

    Returns
    -------
    KeypointNet, unfitted

    Raises
    ------
    ConfigError
        If `variant` or `optimizer` is unknown.
    """
    variants = {"four-conv": [(16, 5), (32, 5), (64, 5), (128, 3)], "classic": [(6, 5), (16, 5)]}
    if variant not in variants:
        raise ConfigError(f"variant: found {variant!r}, expected one of {', '.join(variants)}")
    layers = []
    for i, (num_filters, filter_size) in enumerate(variants[variant], 1):
        layers += _hidden(Conv2DLayer, f"conv{i}", batch_norm,
                          num_filters=num_filters, filter_size=filter_size)
        layers += [(MaxPool2DLayer, {"name": f"pool{i}", "pool_size": 2})]
    for i, num_units in enumerate((120, 84), 1):
        layers += _hidden(DenseLayer, f"dense{i}", batch_norm, num_units=num_units)
    return _net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused)


def vggnet(initial_weights="he", num_dense_units=4096, dropout=True, output_nonlinearity=tanh,
           optimizer="adam", learning_rate=0.0003, batch_size=32, seed=0, fused=True):
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
        ``"he"``: the hidden layers' start as He et al. 2015 propose for ReLU; ``"glorot"``: as
        Lasagne's default, Glorot & Bengio 2010, which are smaller: over 13 layers the signal
        shrinks.
    num_dense_units : int
        Units of the two dense layers.
    dropout : bool
        Dropout of 0.5 after each of the two dense layers, as VGG has it.
    output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused : see :func:`lenet5`

    Returns
    -------
    KeypointNet, unfitted

    Raises
    ------
    ConfigError
        If there are no initial weights of that name.
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
            layers += _hidden(Conv2DLayer, f"conv{block}_{i}", batch_norm=False, pad=1,
                              num_filters=num_filters, filter_size=3, W=W)
        layers += [(MaxPool2DLayer, {"name": f"pool{block}", "pool_size": 2})]
    for i in (1, 2):
        layers += _hidden(DenseLayer, f"dense{i}", batch_norm=False,
                          num_units=num_dense_units, W=W)
        if dropout:
            layers += [(DropoutLayer, {"name": f"dropout{i}", "p": 0.5})]
    return _net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused)


def cnn14(dropout=True, num_dense_units=500, output_nonlinearity=tanh, optimizer="adagrad",
          learning_rate=0.01, batch_size=128, seed=0, fused=True):
    """The 14-layer CNN, counted as nolearn counts layers (paper, sections 2.3 and 5.3).

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
    output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused : see :func:`lenet5`

    Returns
    -------
    KeypointNet, unfitted
    """
    layers = []
    for i, (num_filters, filter_size, p) in enumerate([(32, 3, .1), (64, 2, .2), (128, 2, .3)], 1):
        layers += _hidden(Conv2DLayer, f"conv{i}", batch_norm=False,
                          num_filters=num_filters, filter_size=filter_size)
        layers += [(MaxPool2DLayer, {"name": f"pool{i}", "pool_size": 2}),
                   (DropoutLayer, {"name": f"dropout{i}", "p": p})]
    layers += _hidden(DenseLayer, "dense1", batch_norm=False, num_units=num_dense_units)
    layers += [(DropoutLayer, {"name": "dropout4", "p": 0.5})]
    layers += _hidden(DenseLayer, "dense2", batch_norm=False, num_units=num_dense_units)
    if not dropout:
        layers = [layer for layer in layers if layer[0] is not DropoutLayer]
    return _net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused)


MODELS = {"lenet5": lenet5, "vggnet": vggnet, "cnn14": cnn14}
"""The architectures by name."""


def build(settings):
    """The unfitted net that the settings describe.

    Parameters
    ----------
    settings : facekp.settings.Settings

    Returns
    -------
    KeypointNet, unfitted

    Raises
    ------
    ConfigError
        If the model, one of its options or the optimizer is unknown.
    """
    if settings.model not in MODELS:
        raise ConfigError(f"model: found {settings.model!r}, expected one of "
                          f"{', '.join(MODELS)}")
    _check_options(settings.options)
    try:
        return MODELS[settings.model](
            optimizer=settings.optimizer, learning_rate=settings.learning_rate,
            batch_size=settings.batch_size, seed=settings.seed, **settings.options)
    except TypeError as error:
        raise ConfigError(f"options: found {settings.options!r}, which {settings.model} does not "
                          f"take ({error})") from None


def _check_options(options):
    """Raise ConfigError for a value of a wrong kind: options may come from somebody's config.json,
    and a number of units that no memory holds must not be tried."""
    def fits(name, value):
        if name in ("batch_norm", "dropout"):
            return isinstance(value, bool)
        if name == "num_dense_units":
            return type(value) is int and 1 <= value <= MAX_DENSE_UNITS
        return callable(value) if name == "output_nonlinearity" else isinstance(value, str)

    if not isinstance(options, dict):
        raise ConfigError(f"options: found {options!r}, expected an object of names and values")
    for name, value in options.items():
        if not fits(name, value):
            raise ConfigError(f"options: found {value!r} for {name}, expected true or false, a "
                              f"number of units up to {MAX_DENSE_UNITS} or the name of a variant")
