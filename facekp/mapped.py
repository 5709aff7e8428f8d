"""Arrays that need not fit into memory: large ones lie in a file (numpy.memmap), small ones do not.

Callers see numpy arrays in both cases, with the same values. The file has no name any more once it
is open, so it goes with the process, however that ends.
"""
import contextlib
import math
import os
import tempfile

import numpy as np

from facekp.errors import FolderError
from facekp.files import user_cache
from facekp.machine import available_memory

PART = 0.25
"""The part of the free memory that an array may take; a training holds a few of them."""

SMALL = 2**20
"""Bytes for which the free memory is not asked: the answer takes longer than such an array."""

BLOCK = 1024
"""Images that are worked on at a time: 38 MB."""


def empty(shape, dtype):
    """A new array, in memory if that is large enough, else in a file in the user's cache folder.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy dtype

    Returns
    -------
    array, or numpy.memmap

    Raises
    ------
    FolderError
        If it does not fit on the disk either.

    Examples
    --------
    >>> empty((2, 3), np.float32).shape
    (2, 3)
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= SMALL or size <= PART * available_memory():
        return np.empty(shape, dtype)
    with _writing(size) as file:
        if hasattr(os, "posix_fallocate"):  # else a full disk would kill the process later
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "w+", shape=shape)


def take(array, index):
    """``array[index]``, in a file where the result is large.

    Parameters
    ----------
    array : array (n, ...)
    index : int array (m,)

    Returns
    -------
    array (m, ...), a copy

    Examples
    --------
    >>> take(np.arange(4), np.array([2, 0]))
    array([2, 0])
    """
    taken = empty((len(index), *array.shape[1:]), array.dtype)
    for start in range(0, len(index), BLOCK):
        taken[start:start + BLOCK] = array[index[start:start + BLOCK]]
    return taken


class Rows:
    """Rows that are appended in blocks, in a file from where they are too many for the memory.

    Parameters
    ----------
    width : int
        The number of columns.
    dtype : numpy dtype

    Examples
    --------
    >>> rows = Rows(2, np.uint8)
    >>> rows.append(np.array([[1, 2]], np.uint8))
    >>> rows.array()
    array([[1, 2]], dtype=uint8)
    """

    def __init__(self, width, dtype):
        self.width, self.dtype = width, np.dtype(dtype)
        self._limit, self._blocks, self._size, self._file = SMALL, [], 0, None

    def append(self, block):
        """Add an array (n, width), or one of n * width values; FolderError if the disk is full."""
        self._blocks.append(np.ascontiguousarray(block, self.dtype).reshape(-1, self.width))
        self._size += self._blocks[-1].nbytes
        if self._size > self._limit == SMALL:
            self._limit = max(SMALL, PART * available_memory())
        if self._size > self._limit:
            with _writing(self._size, self._file) as self._file:
                for one in self._blocks:
                    self._file.write(one)
            self._blocks.clear()

    def array(self):
        """All rows, array (n, width); nothing can be appended any more."""
        if self._file is None:
            return np.concatenate([np.empty((0, self.width), self.dtype), *self._blocks])
        with self._file as file:
            file.flush()
            return np.memmap(file, self.dtype, "r+", shape=(
                self._size // self.width // self.dtype.itemsize, self.width))


@contextlib.contextmanager
def _writing(size, file=None):
    """A file without a name in the user's cache folder, a new one if there is none yet; any fault
    in the block is a FolderError, about `size` bytes."""
    cache = user_cache()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        yield file or tempfile.TemporaryFile(dir=cache)
    except OSError as error:
        raise FolderError(f"{cache}: an array of {size / 1e9:.1f} GB does not fit into memory and "
                          f"cannot be written there ({error.strerror}); free space, or let "
                          "XDG_CACHE_HOME name a folder on a larger disk") from None
