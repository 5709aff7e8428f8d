"""ResNet (He et al. 2015, arXiv 1512.03385) for 96x96: the paper names it as future work."""
from facekp.nets.parts import hidden, net, residual_block

from lasagne import init
from lasagne.layers import Conv2DLayer, GlobalPoolLayer, MaxPool2DLayer
from lasagne.nonlinearities import tanh

from facekp.errors import ConfigError

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""Blocks of each stage by the number of layers with weights: 18 and 34 are table 1 of He et al."""


def resnet(depth=18, width=32, output_nonlinearity=tanh, optimizer="adam", learning_rate=0.001,
           batch_size=64, seed=0, fused=True, **options):
    """A residual net of basic blocks with batch normalization and global average pooling.

    ==========  =============  ==========
    part        output shape   parameters
    ==========  =============  ==========
    input       1x96x96                 0
    conv1       32x96x96              352
    pool1       32x48x48                0
    block1_1    32x48x48            18560
    block1_2    32x48x48            18560
    block2_1    64x24x24            57728
    block2_2    64x24x24            73984
    block3_1    128x12x12          230144
    block3_2    128x12x12          295424
    block4_1    256x6x6            919040
    block4_2    256x6x6           1180672
    average     256                     0
    output      30                   7710
    ==========  =============  ==========

    A block is two 3x3 convolutions, each normalized, the first one with ReLU; their result and the
    block's input are added before the last ReLU. The first block of the stages 2 to 4 halves the
    image: its first convolution has stride 2, and a 1x1 convolution of stride 2, normalized, brings
    its input to the same shape (option B of He et al.). No convolution has a bias. Weights start
    as He et al. 2015 propose for ReLU.

    He et al. begin with a 7x7 convolution of stride 2 and a 3x3 pooling of stride 2, which reduce
    224x224 to 56x56. Here a 3x3 convolution and a 2x2 pooling reduce 96x96 to 48x48.

    Parameters
    ----------
    depth : int
        Layers with weights: 10, 18 or 34. The table above is that of 18.
    width : int
        Filters of conv1 and of the first stage; each stage has twice those of the one before.
        He et al. have 64.
    output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused, **options :
        see :func:`facekp.nets.lenet.lenet5`

    Returns
    -------
    KeypointNet, unfitted

    Raises
    ------
    ConfigError
        If there is no net of that depth.

    Examples
    --------
    >>> len(resnet(depth=18).layers), len(resnet(depth=10).layers)
    (69, 41)
    """
    if depth not in BLOCKS:
        raise ConfigError(f"depth: found {depth!r}, expected one of "
                          f"{', '.join(map(str, BLOCKS))}")
    layers = hidden(Conv2DLayer, "conv1", batch_norm=True, num_filters=width, filter_size=3, pad=1,
                    W=init.HeNormal("relu"))
    layers += [(MaxPool2DLayer, {"name": "pool1", "pool_size": 2})]
    for stage, num_blocks in enumerate(BLOCKS[depth], 1):
        for i in range(1, num_blocks + 1):
            layers += residual_block(f"block{stage}_{i}", incoming=layers[-1][1]["name"],
                                     num_filters=width * 2 ** (stage - 1),
                                     halve=stage > 1 and i == 1)
    layers += [(GlobalPoolLayer, {"name": "average"})]
    return net(layers, output_nonlinearity, optimizer, learning_rate, batch_size, seed, fused,
               **options)
