"""The architectures (figures 1 to 3), drawn from the nets themselves."""
import math

import matplotlib.pyplot as plt
from matplotlib.patches import Polygon, Rectangle

from facekp.keypoints import SIZE
from facekp.plots.style import FULL_WIDTH, printed

FACES = {"input": "#FFFFFF", "convolution": "#56B4E9", "pooling": "#E69F00", "dropout": "#D9D9D9",
         "dense": "#009E73", "normalization": "#CC79A7", "activation": "#F0E442"}
"""Colours of the layers' kinds (Okabe & Ito 2008)."""

_ROW, _PICTURE, _KEY = 1.66, 0.92, 0.62  # inches: a row, the part above its texts, the row's key


def layer_text(row):
    """What stands below a layer's picture: name, kind, activation, output, parameters.

    Parameters
    ----------
    row : facekp.nets.describe.LayerRow

    Returns
    -------
    str, five lines
    """
    return "\n".join((row.name, row.detail, row.activation, shape_text(row.shape),
                      f"{row.n_params:,}"))


def shape_text(shape):
    """A shape as ``32 x 94 x 94``, with multiplication signs and no spaces."""
    return "\u00d7".join(str(n) for n in shape)


@printed
def architecture(rows, title, per_line=8, ax=None):
    """A net as a chain of boxes (figures 1 to 3).

    A feature map is a box whose front is to scale; its depth grows with the logarithm of the
    number of channels, as the length of a dense layer's bar does with the number of its units.

    Parameters
    ----------
    rows : list of facekp.nets.describe.LayerRow
    title : str
    per_line : int, layers side by side; the next ones go on below
    ax : Axes or None; the drawing is 6.9 inches wide, 1.66 high for each line and 0.5 more, and
        keeps that shape in them

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from facekp.nets.describe import LayerRow
    >>> figure = architecture([LayerRow("input", "input", "image", "", (1, 96, 96), 0),
    ...                        LayerRow("output", "dense", "dense", "tanh", (30,), 276510)], "net")
    """
    lines = math.ceil(len(rows) / per_line)
    per_line = math.ceil(len(rows) / lines)
    height = lines * _ROW + 0.5
    if ax is None:
        ax = plt.figure(figsize=(FULL_WIDTH, height)).add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, FULL_WIDTH), ylim=(0, height), aspect="equal")
    ax.axis("off")
    ax.text(FULL_WIDTH / 2, height - 0.17, title, ha="center", va="center", fontsize=9)
    step = (FULL_WIDTH - _KEY - 0.1) / per_line
    before = 0.0  # half the width of the layer to the left
    for i, row in enumerate(rows):
        line, column = divmod(i, per_line)
        x = _KEY + (column + 0.5) * step
        base = height - 0.3 - line * _ROW - _PICTURE / 2
        half = _draw_layer(ax, row, x, base)
        below = dict(y=base - _PICTURE / 2 - 0.04, va="top", fontsize=7, linespacing=1.25)
        ax.text(x=x, s=layer_text(row), ha="center", **below)
        if column == 0:
            ax.text(x=0.06, s="layer\nkind\nactivation\noutput\nparameters", color="0.45", **below)
        if i:
            start = x - step + before if column else _KEY - 0.1
            _arrow(ax, start + 0.02, x - half - 0.02, base)
        before = half
    _legend(ax, rows)
    return ax.figure


def _draw_layer(ax, row, x, y):
    """Draw one layer around (x, y); return half its width, inches."""
    style = dict(facecolor=FACES[row.kind], edgecolor="0.15", lw=0.5)
    if len(row.shape) != 3:
        length = 0.075 * math.log2(max(row.shape[0], 2))
        ax.add_patch(Rectangle((x - 0.045, y - length / 2), 0.09, length, **style))
        return 0.045
    channels, rows, columns = row.shape
    scale, depth = 0.56 / SIZE, 0.025 * math.log2(channels)
    w, h = columns * scale, rows * scale
    left, bottom = x - (w + depth) / 2, y - (h + depth) / 2
    right, top = left + w, bottom + h
    ax.add_patch(Polygon([(left, top), (left + depth, top + depth), (right + depth, top + depth),
                          (right + depth, bottom + depth), (right, bottom), (right, top)], **style))
    ax.plot([right, right + depth], [top, top + depth], color="0.15", lw=0.5)
    ax.add_patch(Rectangle((left, bottom), w, h, **style))
    return (w + depth) / 2


def _arrow(ax, start, end, y):
    ax.annotate("", (end, y), (start, y), arrowprops=dict(
        arrowstyle="-|>", lw=0.6, color="0.35", mutation_scale=5, shrinkA=0, shrinkB=0))


def _legend(ax, rows):
    kinds = list(dict.fromkeys(row.kind for row in rows))
    handles = [Rectangle((0, 0), 1, 1, facecolor=FACES[kind], edgecolor="0.15", lw=0.5)
               for kind in kinds]
    ax.legend(handles, kinds, loc="lower center", ncol=len(kinds), fontsize=7, handlelength=1,
              bbox_to_anchor=(0.5, 0.0), borderaxespad=0.3)
