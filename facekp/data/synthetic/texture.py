"""Smooth random textures, looked up in one periodic table."""
import functools

import numpy as np

_SIDE, _CELL = 512, 16  # table entries per side; entries per unit of the looked-up coordinate
_FAR = 4096  # a multiple of the table's period that makes coordinates positive


@functools.lru_cache(maxsize=None)
def _table():
    """White noise, smoothed; one byte per entry so that it stays in the processor's cache."""
    coarse = np.random.default_rng(20171710).integers(-128, 128, (_SIDE // _CELL,) * 2)
    fine = coarse.repeat(_CELL, 0).repeat(_CELL, 1)
    for axis in (0, 1):
        for _ in range(2):
            fine = sum(np.roll(fine, shift, axis) for shift in range(_CELL)) // _CELL
    return (fine * 5 // 4).clip(-127, 127).astype(np.int8).ravel()


def noise(x, y):
    """Smooth noise, about in [-1, 1], whose grains are one unit wide; any float coordinates."""
    column = ((x + _FAR) * _CELL).astype(np.intp) & (_SIDE - 1)
    row = ((y + _FAR) * _CELL).astype(np.intp) & (_SIDE - 1)
    return _table().take(row * _SIDE + column) * np.float32(1 / 100)
