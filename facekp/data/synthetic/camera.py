"""From the drawn picture to the stored one: exposure, blur, sensor noise, JPEG-like coding."""
import numpy as np

from facekp.keypoints import SIZE

_WHOLE = 2048  # times this, the transform is rounded to integers, whose float64 sums are exact


def _dct_matrix():
    """The 8-point cosine transform times _WHOLE."""
    k = np.arange(8)
    rows = np.cos(np.pi * (2 * k[None] + 1) * k[:, None] / 16) / 2
    rows[0] *= np.sqrt(0.5)
    return np.rint(rows * _WHOLE)


_DCT = _dct_matrix()
_STEPS = 1 + (np.arange(8)[:, None] + np.arange(8)[None]) / 2  # coarser for finer detail


def _soften(a):
    """Binomial blur over 3 x 3 px."""
    for axis in (1, 2):
        p = np.pad(a, [(0, 0) if k != axis else (1, 1) for k in range(3)], mode="edge")
        left, mid, right = (p[:, s:s + SIZE] if axis == 1 else p[:, :, s:s + SIZE]
                            for s in range(3))
        a = (left + right + 2 * mid) / 4
    return a


def _jpeg(a, strength):
    """Quantize the cosine transform of 8 x 8 blocks of integer images by `strength` gray levels."""
    n = len(a)
    blocks = a.astype(np.float64).reshape(n, SIZE // 8, 8, SIZE // 8, 8).transpose(0, 1, 3, 2, 4)
    steps = np.rint(strength.reshape(n, 1, 1, 1, 1) * _STEPS * _WHOLE)
    coefficients = np.rint(_DCT @ blocks @ _DCT.T / (steps * _WHOLE)) * steps
    back = _DCT.T @ coefficients @ _DCT / float(_WHOLE) ** 3
    return back.transpose(0, 1, 3, 2, 4).reshape(a.shape)


def photograph(t, rng, picture):
    """uint8 images (n, 96, 96) of drawn pictures with values around [0, 1]."""
    middle = np.float32(0.45)
    level = ((picture * t.gain - middle) * t.contrast + middle) * 225 + 8
    softened = _soften(level)
    level = level + (softened - level) * t.blur
    grain = rng.integers(-128, 128, (2,) + level.shape, dtype=np.int8)
    level = level + (grain[0].astype(np.float32) + grain[1]) * (t.noise / 104)
    whole = np.rint(np.clip(level, 0, 255))
    coded = _jpeg(whole, 0.5 + 4.5 * t.jpeg * t.jpeg)
    return np.clip(np.rint(coded), 0, 255).astype(np.uint8)
