"""What a net has learnt: its first filters (figure 7), a face after each convolution (figure 8)."""
import itertools
from string import ascii_lowercase

import numpy as np

from facekp.keypoints import SIZE
from facekp.plots.style import new_axes, printed


def mosaic(maps, columns, gap=1):
    """Arrays (n, height, width) side by side in one, with a gap of NaN between them.

    Examples
    --------
    >>> mosaic(np.ones((2, 1, 1)), columns=2)
    array([[ 1., nan,  1.]])
    """
    n, height, width = maps.shape
    rows = -(-n // columns)
    sheet = np.full((rows * columns, height + gap, width + gap), np.nan)
    sheet[:n, :height, :width] = maps
    sheet = sheet.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    return sheet.reshape(rows * (height + gap), columns * (width + gap))[:-gap, :-gap]


@printed
def first_layer_filters(W, title, ax=None, columns=8):
    """The filters of the first convolution, as they are stored (figure 7).

    Theano convolves: a filter lies over the image turned by 180 degrees.

    Parameters
    ----------
    W : float array (n_filters, 1, height, width), like conv1.W

    Examples
    --------
    >>> figure = first_layer_filters(np.eye(9).reshape(9, 1, 3, 3), "nine filters")
    """
    W = np.asarray(W)[:, 0]
    figure, [panel] = new_axes(title, ax, height=0.75 + 2.6 * np.ceil(len(W) / columns) / columns)
    limit = np.abs(W).max()
    image = panel.imshow(mosaic(W, columns), cmap="PuOr", vmin=-limit, vmax=limit)
    panel.axis("off")
    figure.colorbar(image, ax=panel, label="weight", shrink=0.9, pad=0.02)
    return figure


@printed
def activations(image, maps, title, ax=None, columns=16):
    """A face after each convolution, every channel (figure 8).

    White is the layer's strongest answer (but for its top half percent, which is cut off), black
    none or a negative one: channels of one layer can be compared.

    Parameters
    ----------
    image : array (1, 96, 96) in [0, 1]
    maps : dict of str -> float array (channels, height, width)
        Outputs of layers by their names, in order.

    Examples
    --------
    >>> figure = activations(np.zeros((1, 96, 96)), {"conv1": np.ones((32, 94, 94))}, "a face")
    """
    heights = [4] + [-(-len(layer) // columns) for layer in maps.values()]
    figure, axes = new_axes(title, ax, len(heights), height=0.2 * sum(heights) + 1.2,
                            height_ratios=heights)
    axes[0].imshow(np.reshape(image, (SIZE, SIZE)), vmin=0, vmax=1)
    axes[0].set_title("input, 1\u00d796\u00d796")
    letters = map("".join, itertools.product(["", *ascii_lowercase], ascii_lowercase))  # a ... aa
    for panel, (name, layer), letter in zip(axes[1:], maps.items(), letters):
        # Where no answer is positive, 0 is black all the same.
        strongest = max(0, np.percentile(layer, 99.5)) or 1
        # the gaps, NaN, take the colour of the page
        panel.imshow(mosaic(np.asarray(layer), columns, gap=max(1, layer.shape[1] // 16)), vmin=0,
                     vmax=strongest, interpolation="antialiased")
        panel.set_title(f"({letter}) {name}, " + "\u00d7".join(map(str, layer.shape)))
    for panel in axes:
        panel.axis("off")
    return figure
