"""What a net has learnt: its first filters (figure 7), a face after each convolution (figure 8)."""
import numpy as np

from facekp.keypoints import SIZE
from facekp.plots.style import axes_or_new, printed


def mosaic(maps, columns, gap=1):
    """Arrays side by side in one, with a gap of NaN between them.

    Parameters
    ----------
    maps : float array (n, height, width)
    columns : int
    gap : int

    Returns
    -------
    float array (rows * (height + gap) - gap, columns * (width + gap) - gap)

    Examples
    --------
    >>> mosaic(np.ones((2, 1, 1)), columns=2)
    array([[ 1., nan,  1.]])
    """
    n, height, width = maps.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for i, image in enumerate(maps):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top:top + height, left:left + width] = image
    return sheet


@printed
def first_layer_filters(W, title, ax=None, columns=8):
    """The filters of the first convolution, as they are stored (figure 7).

    Theano convolves: a filter lies over the image turned by 180 degrees.

    Parameters
    ----------
    W : float array (n_filters, 1, height, width), like conv1.W
    title : str
    ax : Axes or None
    columns : int

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> figure = first_layer_filters(np.eye(9).reshape(9, 1, 3, 3), "nine filters")
    """
    W = np.asarray(W)[:, 0]
    rows = -(-len(W) // columns)
    figure, [panel] = axes_or_new(ax, height=0.75 + 2.6 * rows / columns)
    limit = np.abs(W).max()
    image = panel.imshow(mosaic(W, columns), cmap="PuOr", vmin=-limit, vmax=limit)
    panel.axis("off")
    figure.colorbar(image, ax=panel, label="weight", shrink=0.9, pad=0.02)
    figure.suptitle(title)
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
    title : str
    ax : Axes for the image and for each layer, or None
    columns : int, channels side by side

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> figure = activations(np.zeros((1, 96, 96)), {"conv1": np.ones((32, 94, 94))}, "a face")
    """
    rows = [-(-len(layer) // columns) for layer in maps.values()]
    heights = [4] + rows
    figure, axes = axes_or_new(ax, len(heights), 1, height=0.2 * sum(heights) + 1.2,
                               gridspec_kw={"height_ratios": heights})
    axes[0].imshow(np.reshape(image, (SIZE, SIZE)), vmin=0, vmax=1)
    axes[0].set_title("input, 1\u00d796\u00d796", fontsize=7, pad=2)
    for panel, (name, layer), letter in zip(axes[1:], maps.items(), "abcdefgh"):
        layer = np.asarray(layer)
        # Where no answer is positive, 0 is black all the same.
        strongest = max(0, np.percentile(layer, 99.5)) or 1
        # the gaps, NaN, take the colour of the page
        panel.imshow(mosaic(layer, columns, gap=max(1, layer.shape[1] // 16)), vmin=0,
                     vmax=strongest, interpolation="antialiased")
        panel.set_title(f"({letter}) {name}, " + "\u00d7".join(map(str, layer.shape)), fontsize=7,
                        pad=2)
    for panel in axes:
        panel.axis("off")
    figure.suptitle(title)
    return figure
