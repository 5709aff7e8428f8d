"""The architectures (figures 1 to 3), drawn from the nets themselves."""
import math

from matplotlib.patches import Polygon, Rectangle

from facekp.keypoints import SIZE
from facekp.plots.style import FULL_WIDTH, new_axes, printed

FACES = {"input": "#FFFFFF", "convolution": "#56B4E9", "pooling": "#E69F00", "dropout": "#D9D9D9",
         "dense": "#009E73", "normalization": "#CC79A7", "activation": "#F0E442"}
"""Colours of the layers' kinds (Okabe & Ito 2008)."""

_STYLE = dict(edgecolor="0.15", lw=0.5)
_ROW, _PICTURE, _KEY = 1.66, 0.92, 0.62  # inches: a row, the part above its texts, the row's key


@printed
def architecture(rows, title, per_line=8, ax=None):
    """A net as a chain of boxes, `per_line` of them side by side (figures 1 to 3).

    A feature map is a box whose front is to scale; its depth grows with the logarithm of the
    number of channels, as the length of a dense layer's bar does with the number of its units.

    Parameters
    ----------
    rows : list of facekp.nets.describe.LayerRow

    Examples
    --------
    >>> from facekp.nets.describe import LayerRow
    >>> figure = architecture([LayerRow("input", "input", "image", "", (1, 96, 96), 0),
    ...                        LayerRow("output", "dense", "dense", "tanh", (30,), 276510)], "net")
    """
    lines = math.ceil(len(rows) / per_line)
    per_line = math.ceil(len(rows) / lines)
    height = lines * _ROW
    figure, [ax] = new_axes(title, ax, width=FULL_WIDTH, height=height + 0.4)
    ax.set(xlim=(0, FULL_WIDTH), ylim=(0, height), aspect="equal")
    ax.axis("off")
    step, end = (FULL_WIDTH - _KEY) / per_line, 0.0
    for i, row in enumerate(rows):
        line, column = divmod(i, per_line)
        x, y = _KEY + (column + 0.5) * step, height - line * _ROW - _PICTURE / 2
        half = _draw_layer(ax, row, x, y)
        below = dict(y=y - _PICTURE / 2 - 0.04, va="top", fontsize=7, linespacing=1.25)
        ax.text(x=x, s=layer_text(row), ha="center", **below)
        if column == 0:
            ax.text(x=0, s="layer\nkind\nactivation\noutput\nparameters", color="0.45", **below)
        if i:
            ax.annotate("", (x - half - 0.02, y), (end if column else _KEY - 0.1, y), arrowprops={
                "arrowstyle": "-|>", "lw": 0.6, "color": "0.35", "mutation_scale": 5,
                "shrinkA": 0, "shrinkB": 0})
        end = x + half + 0.02
    kinds = list(dict.fromkeys(row.kind for row in rows))
    figure.legend([Rectangle((0, 0), 1, 1, facecolor=FACES[kind], **_STYLE) for kind in kinds],
                  kinds, loc="outside lower center", ncol=len(kinds), handlelength=1)
    return figure


def layer_text(row):
    """The five lines below a layer's picture: name, kind, activation, output, parameters."""
    shape = "\u00d7".join(map(str, row.shape))
    return "\n".join((row.name, row.detail, row.activation, shape, f"{row.n_params:,}"))


def _draw_layer(ax, row, x, y):
    """Draw one layer around (x, y); return half its width, inches."""
    style = dict(facecolor=FACES[row.kind], **_STYLE)
    if len(row.shape) != 3:
        length = 0.075 * math.log2(max(row.shape[0], 2))
        ax.add_patch(Rectangle((x - 0.045, y - length / 2), 0.09, length, **style))
        return 0.045
    depth = 0.025 * math.log2(row.shape[0])
    height, width = (0.56 / SIZE * n for n in row.shape[1:])
    left, bottom = x - (width + depth) / 2, y - (height + depth) / 2
    right, top = left + width, bottom + height
    for corners in ([(left, top), (left + depth, top + depth), (right + depth, top + depth),
                     (right, top)],
                    [(right, top), (right + depth, top + depth), (right + depth, bottom + depth),
                     (right, bottom)],
                    [(left, bottom), (left, top), (right, top), (right, bottom)]):
        ax.add_patch(Polygon(corners, joinstyle="round", **style))
    return (width + depth) / 2
