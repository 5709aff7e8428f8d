"""A small U-Net that marks each keypoint on a map of the face, and reads its place off there."""
from facekp.nets.parts import hidden, net_of

from lasagne import init
from lasagne.layers import Conv2DLayer, MaxPool2DLayer
from lasagne.nonlinearities import identity

from facekp.engine.layers import SoftArgmaxLayer, UpscaleConcatLayer
from facekp.keypoints import KEYPOINTS, SIZE


def unet(width=16, sharpness=0.001, optimizer="adam", learning_rate=0.001, batch_size=64, seed=0,
         fused=True, **options):
    """An encoder, a decoder with shortcuts, and a map of 48x48 cells for each keypoint.

    ==========  =============  ==========
    part        output shape   parameters
    ==========  =============  ==========
    input       1x96x96                 0
    down1       16x48x48             2512
    down2       32x24x24            13952
    down3       64x12x12            55552
    down4       128x6x6            221696
    bottom      128x6x6            295424
    up4         128x12x12          295168
    up3         64x24x24           110720
    up2         32x48x48            27712
    maps        15x48x48              480
    output      30                      0
    ==========  =============  ==========

    Each of the five blocks down the way is two 3x3 convolutions, and all but the last a 2x2
    pooling. On the way up, an image becomes twice as large, the channels that the encoder had at
    that size are put beside it (Ronneberger et al. 2015, arXiv 1505.04597), and one 3x3
    convolution joins them. Each convolution is normalized, without a bias, before its ReLU. A 1x1
    convolution makes the maps.

    A keypoint is the mean position under its map's softmax, so nothing has to be learned for each
    place of the image anew, as dense layers must (Nibali et al. 2018, arXiv 1801.07372). The
    maps are held sharp besides: what is minimized is the loss plus `sharpness` times their
    distance from Gaussians around the keypoints
    (:meth:`facekp.engine.layers.SoftArgmaxLayer.penalty`).

    Parameters
    ----------
    width : int
        Filters of the first block; each block has twice those of the one before.
    sharpness : float
        Weight of the maps' distance from Gaussians; 0 for a net with an objective, penalties or
        scores of nolearn's, whose functions would leave it out.
    optimizer, learning_rate, batch_size, seed, fused, **options :
        see :func:`facekp.nets.lenet.lenet5`

    Returns
    -------
    KeypointNet, unfitted

    Examples
    --------
    >>> len(unet().layers)
    49
    """
    def block(name, filters):
        return hidden(Conv2DLayer, name, batch_norm=True, pad=1, W=init.HeNormal("relu"),
                      num_filters=filters, filter_size=3)

    layers = []
    for level in (1, 2, 3, 4):
        filters = width * 2 ** (level - 1)
        layers += block(f"down{level}_1", filters) + block(f"down{level}_2", filters)
        layers += [(MaxPool2DLayer, {"name": f"pool{level}", "pool_size": 2})]
    layers += block("bottom_1", filters) + block("bottom_2", filters)
    for level in (4, 3, 2):
        layers += [(UpscaleConcatLayer, {"name": f"join{level}", "incomings": [
            layers[-1][1]["name"], f"down{level}_2_relu"]})]
        layers += block(f"up{level}", width * 2 ** (level - 1))
    layers += [(Conv2DLayer, {"name": "maps", "num_filters": len(KEYPOINTS), "filter_size": 1,
                              "W": init.HeNormal(1.0), "b": None, "nonlinearity": identity}),
               (SoftArgmaxLayer, {"name": "output", "size": SIZE, "sharpness": sharpness})]
    return net_of(layers, optimizer, learning_rate, batch_size, seed, fused, **options)
