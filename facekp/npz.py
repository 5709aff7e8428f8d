"""The only reader of ``.npz`` files; it is safe with files from unknown sources."""
import math
import zipfile

import numpy as np
from numpy.lib import format as npy_format

from facekp.errors import FolderError
from facekp.mapped import Rows
from facekp.text import shown

FLOATS = "<f2", "<f4", "<f8"

MAX_ROWS = 10**6
"""The largest number of rows where it is not known beforehand: a hundred times Kaggle's."""

PART = 2**24
"""Bytes that are unpacked at a time."""


def read_npz(path, expected, some=False):
    """Read arrays from an ``.npz`` file that need not be trusted.

    Names, shapes and dtypes are checked in the headers before an array is read. No object is ever
    unpickled, and no more bytes are unpacked than the header announces. So a malicious file can
    neither run code nor fill the memory.

    Parameters
    ----------
    path : path, or a file object open for reading
    expected : dict of str -> (dtypes, shape)
        For each name the allowed dtypes, a tuple like :data:`FLOATS`, and the shape. None in a
        shape stands for any size up to :data:`MAX_ROWS`.
    some : bool
        Whether the file may lack some of these arrays, or contain others (which are not read).

    Returns
    -------
    dict of str -> array, writeable; in the order of `expected`

    Raises
    ------
    OSError
        If the file is missing or may not be read.
    FolderError
        If the arrays fit neither into memory nor on the disk.
    ValueError
        If the file is damaged or has other content. The message is one line and says what.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if not some:
                _check_names(names, [f"{name}.npy" for name in expected])
            return {name: _read_member(archive, name, *form) for name, form in expected.items()
                    if f"{name}.npy" in names}
    except (OSError, FolderError):
        raise
    except Exception as error:  # zipfile, zlib and numpy's parser raise a dozen types
        why = (str(error).splitlines() or [repr(error)])[0]  # numpy gives advice in further lines
        raise ValueError(shown(why, 300)) from None


def _check_names(found, expected):
    def listed(names):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return (", ".join(sorted(names)[:3]) or "none") + more

    if sorted(found) != sorted(expected):
        lacking, foreign = set(expected) - set(found), set(found) - set(expected)
        raise ValueError(f"found {len(found)} arrays, expected {len(expected)}: it lacks "
                         f"{listed(lacking)}, and {listed(foreign)} are not expected")


def _read_member(archive, name, dtypes, shape):
    info = archive.getinfo(f"{name}.npy")
    # numpy writes these two; zipfile expands others without bound
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name}: found compression method {info.compress_type}, expected none or "
                         "deflate")
    with archive.open(info) as member:
        version = npy_format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{name}: found npy format {version}, expected (1, 0)")
        found, fortran, dtype = npy_format.read_array_header_1_0(member)
        fits = len(found) == len(shape) and all(
            0 <= size <= MAX_ROWS if wanted is None else size == wanted
            for size, wanted in zip(found, shape))
        # numpy writes a matrix by columns, as published predictions are, but never a vector
        if not fits or dtype.str not in dtypes or fortran and len(found) < 2:
            raise ValueError(f"{name}: found {dtype.str} {found}{' by columns' * fortran}, "
                             f"expected {' or '.join(dtypes)} "
                             f"{tuple('n' if wanted is None else wanted for wanted in shape)}")
        size = math.prod(found) * dtype.itemsize
        content, n_read = Rows(1, np.uint8), 0
        while n_read <= size:
            part = member.read(min(PART, size + 1 - n_read))
            if not part:
                break
            n_read += len(part)
            content.append(np.frombuffer(part, np.uint8))
        if n_read != size:
            raise ValueError(f"{name}: found {n_read} bytes, expected {size}")
        if member.tell() != info.file_size:  # zipfile checks the checksum at the declared end alone
            raise ValueError(f"{name}: found {member.tell()} bytes, {info.file_size} declared")
    return np.ndarray(found, dtype, content.array(), order="F" if fortran else "C")
