"""weights.npz: a net's parameters by name, like ``conv1.W``; safe to open, whoever made it."""
import zipfile

import numpy as np
from numpy.lib import format as npy_format

from facekp.text import shown
from facekp.errors import RunError
from facekp.files import write_npz


def save_weights(path, values):
    """Write parameters, atomically.

    Parameters
    ----------
    path : path
    values : dict of str -> float array
    """
    write_npz(path, values)


def load_weights(path, shapes):
    """Read exactly the parameters that a net needs.

    Names, shapes and dtypes are checked in the file's headers before any array is read, and no
    object is ever unpickled, so that a hostile file can neither run code nor exhaust the memory.

    Parameters
    ----------
    path : path
    shapes : dict of str -> tuple of int
        What the net has.

    Returns
    -------
    dict of str -> float32 array

    Raises
    ------
    RunError
        If the file cannot be read or does not fit the net.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, shapes)
    except Exception as error:  # zipfile, zlib and numpy's parser raise a dozen kinds
        why = shown((str(error).splitlines() or [repr(error)])[0], 300)  # numpy's further advice
        raise RunError(f"{path}: these weights cannot be used: {why}; let the run end (the same "
                       "command goes on), or name another run folder; a complete run must be "
                       "removed and trained again") from None


def _read(archive, shapes):
    members = archive.namelist()
    found, expected = sorted(members), sorted(f"{name}.npy" for name in shapes)
    if found != expected:
        raise ValueError(f"the net has {_some(set(expected) - set(found))} that the file lacks, "
                         f"the file has {_some(set(found) - set(expected))} that the net lacks")
    for info in archive.infolist():  # numpy writes these two; zipfile expands others without bound
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{info.filename}: found compression method {info.compress_type}, "
                             "expected none or deflate")
    values = {}
    for name, shape in shapes.items():
        with archive.open(f"{name}.npy") as member:
            version = npy_format.read_magic(member)
            if version != (1, 0):
                raise ValueError(f"{name}: found npy format {version}, expected (1, 0)")
            found_shape, fortran, dtype = npy_format.read_array_header_1_0(member)
            if found_shape != tuple(shape) or fortran or dtype != np.float32:
                raise ValueError(f"{name}: found {dtype} {found_shape}, expected float32 "
                                 f"{tuple(shape)}")
            size = int(np.prod(shape, dtype=np.int64)) * 4
            content = member.read(size + 1)
            if len(content) != size:
                raise ValueError(f"{name}: found {len(content)} bytes, expected {size}")
            declared = archive.getinfo(f"{name}.npy").file_size
            if member.tell() != declared:  # zipfile checks the checksum at the declared end alone
                raise ValueError(f"{name}: found {member.tell()} bytes, {declared} declared")
        values[name] = np.frombuffer(content, np.float32).reshape(shape).copy()
    return values


def _some(names):
    names = sorted(names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more or "none"
