"""The dropout bits of csrc/dropout.h in numpy, for comparison."""
import numpy as np

_MASK64 = (1 << 64) - 1


def splitmix64(z):
    z = (z + 0x9e3779b97f4a7c15) & _MASK64
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) & _MASK64
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & _MASK64
    return z ^ (z >> 31)


def dropout_bits(seed, step, n, first_index=0):
    """The 32 bits of elements first_index ... first_index + n - 1: uint32 (n,)."""
    mixed = splitmix64((splitmix64(int(seed) & _MASK64) + int(step)) & _MASK64)
    x = np.arange(first_index, first_index + n, dtype=np.uint64).astype(np.uint32)
    x += np.uint32(mixed & 0xffffffff)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7feb352d)
    x ^= x >> np.uint32(15)
    x ^= np.uint32(mixed >> 32)
    x *= np.uint32(0x846ca68b)
    x ^= x >> np.uint32(16)
    return x


def dropout_factors(seed, step, p, shape):
    """0 for dropped elements, 1 / (1 - p) for kept ones: float32 of the given shape."""
    p = float(np.float32(p))
    bits = dropout_bits(seed, step, int(np.prod(shape)))
    keep = bits >= np.uint32(p * 4294967296.0)
    return (keep * np.float32(1.0 / (1.0 - p))).astype(np.float32).reshape(shape)


def with_dropout(layer, state, p, x, W, b, gy):
    """What a layer's function (x, W, b, gy) -> [y, gx, ...] gives with dropout of its outputs.

    Of stock Theano's, whose own dropout has another generator; p = 0 is none.
    """
    if not p:
        return layer(x, W, b, gy)
    factors = dropout_factors(*state, p, gy.shape)
    y, *gradients = layer(x, W, b, gy * factors)
    return [y * factors] + gradients
