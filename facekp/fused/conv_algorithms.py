"""The ways to compute a convolution, and which one is taken where."""
from collections import namedtuple

MIN_WINOGRAD_CHANNELS = 8  # with fewer input channels the transforms cost more than they save
MAX_TOGETHER = {2: 128 * 128, 3: 32 * 64, 5: 128 * 128}
"""By the kernel: channels x filters up to which one pass makes both gradients."""
MAX_SPARSE = 256 * 256
"""Channels x filters up to which a pooled layer's gradients are sums over its few that are not 0:
with more, the filters pass through the caches too often for the few windows of an image."""


class Algorithm(namedtuple("Algorithm", "tile, kernel, together, sparse, stride")):
    """The direct sum (``tile`` None), or Winograd's F(tile x tile, kernel x kernel).

    F(m x m, r x r) makes m x m outputs of an r x r convolution from (m + r - 1)**2 products instead
    of m * m * r * r (csrc/winograd_transforms.h). With ``together`` one pass over the tiles makes
    the gradients of weights and input (csrc/winograd_backward.h), without it each has its own
    (csrc/winograd_weights.h), as layers with many channels need it. With ``sparse`` a pooled layer
    has other gradients: direct sums over the outputs that the pool passed on
    (csrc/pooled_backward.h). A `stride` of 2 has direct sums of its own (csrc/conv_strided.h,
    csrc/conv_strided_backward.h).
    """

    __slots__ = ()

    def __str__(self):
        if self.stride > 1:
            return "direct, stride %d" % self.stride
        return "F(%dx%d, %dx%d)" % (self.tile, self.tile, self.kernel, self.kernel) \
            if self.tile else "direct"

    @property
    def headers(self):
        """Of the forward pass and of the gradients."""
        if self.stride > 1:
            return ("conv_strided.h",), ("conv_strided_backward.h",)
        if not self.tile:
            return ("conv_forward.h",), ("conv_backward.h",)
        return ("winograd.h",), ("winograd_backward.h" if self.together else "winograd_weights.h",)

    def function(self, name):
        """C++ for the function conv_relu_pool, conv_relu, conv_linear or conv_backward."""
        if self.stride > 1:
            return "strided::" + name
        if not self.tile:
            return name
        if name == "conv_backward":
            name += "_together" if self.together else "_apart"
        return "winograd::%s<winograd::Scheme<%d, %d>>" % (name, self.tile, self.kernel)

    @property
    def pooled_backward(self):
        """The headers, a tuple, and the C++ function of a pooled layer's gradients."""
        if self.sparse:
            return ("pooled_backward.h",), "pooled::conv_backward<%d>" % self.kernel
        return self.headers[1], self.function("conv_backward")


DIRECT = Algorithm(None, None, False, False, 1)
STRIDED = Algorithm(None, None, False, False, 2)
TILES = {2: (4,), 3: (4, 3), 5: (4,)}
"""The tiles for each kernel that Winograd's algorithm is written for, the usual one first."""
MIN_DEEP = 128 * 128  # channels x filters of which other tiles than the usual ones pay off


def winograd(kernel, channels=64, filters=64, tile=None):
    """Winograd's algorithm for filters (filters, channels, kernel, kernel), kernel in `TILES`.

    The numbers are a matter of speed alone.
    """
    depth = channels * filters
    return Algorithm(tile or TILES[kernel][0], kernel, depth <= MAX_TOGETHER[kernel],
                     depth <= MAX_SPARSE, 1)


def choose(channels, filters, filter_size, pad, stride=1, outputs=None):
    """The fastest algorithm for a convolution of known sizes.

    Winograd's wins for square filters of 2x2, 3x3 and 5x5 from 8 input channels on, in
    the layers of LeNet-5 and of the 14-layer CNN (tests/kernels/bench_winograd.cpp measures it). It
    pads by less than a filter. A stride of 2 has an algorithm of its own.

    If `outputs`, (height, width), are known and no pool follows, another tile is taken where many
    channels meet and it saves a quarter of the products: four tiles of 3x3 make 6x6 outputs, while
    four of 4x4 are half empty. A pool wants its windows within a tile.
    """
    if stride == 2:
        return STRIDED
    kernel = filter_size[0]
    if (filter_size == (kernel, kernel) and kernel in TILES and pad < kernel
            and channels >= MIN_WINOGRAD_CHANNELS):
        return winograd(kernel, channels, filters, _tile(kernel, channels * filters, outputs))
    return DIRECT


def _tile(kernel, depth, outputs):
    """The tile for so many channels x filters and outputs (height, width)."""
    usual = TILES[kernel][0]
    if outputs is None or None in outputs or depth < MIN_DEEP:
        return usual
    best = min(TILES[kernel], key=lambda tile: _products(tile, kernel, outputs))
    saves = _products(best, kernel, outputs) <= 0.75 * _products(usual, kernel, outputs)
    return best if saves else usual


def _products(tile, kernel, outputs):
    """Of one channel and one filter, for an image."""
    tiles = [-(-size // tile) for size in outputs]
    return tiles[0] * tiles[1] * (tile + kernel - 1) ** 2
