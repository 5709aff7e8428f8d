"""Atomic files: each is written under a temporary name, synced to disk, then renamed.

A reader never sees half a file, even if the writer was killed. A file that was damaged later is
recognised by its checksum. numpy is imported where arrays are written or read: the command line
answers sooner without it.
"""
import contextlib
import errno
import io
import json
import math
import os
import re
import struct
import zlib
from pathlib import Path

from facekp.errors import ConfigError, RunError

MAGIC = b"facekp1\n"
NUMERIC = re.compile("[<>|][biuf][0-9]{1,2}")  # numpy's names of the types that are written


class Damaged(RunError):
    """A file is damaged: its content is not what was written."""


# Magic bytes, CRC-32 of everything behind it, length of the JSON text. The checksum is against
# damage, not against forgery. It is computed after every epoch, and SHA-256 of 100 MB would take
# four times as long.
_HEADER = struct.Struct("<8sIQ")
_LENGTH = struct.Struct("<Q")


def user_cache():
    """The user's cache folder, a Path: ``$XDG_CACHE_HOME/facekp`` or ``~/.cache/facekp``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "facekp"


@contextlib.contextmanager
def replacing(path, mode="wb", **options):
    """Open a new file that replaces the one at `path` when the block ends without an error.

    Parameters
    ----------
    path : path
    mode, options : as for :func:`open`

    Yields
    ------
    file object, open for writing
    """
    path = Path(path)
    # not all of a long name: with more behind it, it would be one that no file system takes
    temporary = path.with_name(f".{path.name[:40]}.{os.getpid()}.tmp")
    try:
        with open(temporary, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):  # a full disk's error names no file
            error.filename, error.filename2 = str(path), None
        raise
    sync_folder(path.parent)


def make_folder(folder):
    """Make a folder and its parents, and sync each new one; existing ones stay as they are."""
    folder = Path(folder)
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder):
    """Sync a folder, so that its files' names survive a power cut, where the system can do it.

    Raises
    ------
    OSError
        If the disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders; one without read permission can be written
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EROFS):  # file systems without
            error.filename = str(folder)
            raise
    finally:
        os.close(descriptor)


def write_bytes(path, content):
    """Write bytes, atomically."""
    with replacing(path) as file:
        file.write(content)


def write_text(path, text):
    """Write text as UTF-8, atomically."""
    write_bytes(path, text.encode())


def put_between(path, begin, end, text):
    """Put text between two lines of a UTF-8 file, each of which it must have once, atomically.

    Raises
    ------
    ConfigError
        If the file lacks one of the lines, has it twice or the second first; it stays as it was.
    """
    content = Path(path).read_text(encoding="utf-8")
    before, _, rest = content.partition(begin)
    if content.count(begin) != 1 or content.count(end) != 1 or end not in rest:
        raise ConfigError(f"{path}: expected the lines {begin} and {end}, once each and in this "
                          "order, where the text goes; put them back")
    write_text(path, f"{before}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")


def write_json(path, value):
    """Write `value` as JSON, atomically. NaN and infinite numbers become null."""
    write_text(path, json.dumps(_finite(value), indent=2, sort_keys=True, allow_nan=False) + "\n")


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path):
    """Read a JSON file that holds an object.

    Returns
    -------
    dict

    Raises
    ------
    RunError
        If the file is missing, or does not contain a JSON object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"found a {type(value).__name__}, expected an object")
        return value
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read ({error}); remove it, or name another folder of "
                       "runs", remedies=("runs",)) from None


def write_npz(path, arrays, compress=False):
    """Write arrays as numpy's ``.npz``, atomically.

    Parameters
    ----------
    path : path
    arrays : dict of str -> array
    compress : bool
    """
    import numpy as np
    content = io.BytesIO()  # numpy leaves a file on a full disk open, and its zip complains later
    (np.savez_compressed if compress else np.savez)(content, **arrays)
    with replacing(path) as file:
        file.write(content.getbuffer())


def write_arrays(path, arrays, meta):
    """Write named arrays and the dict `meta` with a checksum, atomically.

    Parameters
    ----------
    path : path
    arrays : dict of str -> numeric array
    meta : dict that JSON can hold
    """
    import numpy as np
    # Not ascontiguousarray: it would turn Adam's step counter, a scalar, into an array (1,).
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    listing = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"meta": meta, "arrays": listing}).encode()
    checksum = zlib.crc32(_LENGTH.pack(len(text)) + text)
    for array in arrays.values():
        checksum = zlib.crc32(_bytes(array), checksum)
    with replacing(path) as file:
        file.write(_HEADER.pack(MAGIC, checksum, len(text)))
        file.write(text)
        for array in arrays.values():
            file.write(_bytes(array))


def _bytes(array):
    return memoryview(array.reshape(-1).view("uint8"))


def read_arrays(path):
    """Read what :func:`write_arrays` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    arrays : dict of str -> array
    meta : dict

    Raises
    ------
    Damaged
        If the file is cut short, its checksum is wrong, or the disk cannot read it.
    RunError
        If the file is missing or may not be read.
    """
    import numpy as np
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        kind = Damaged if error.errno == errno.EIO else RunError
        raise kind(f"{path}: cannot be read ({error.strerror}); mend that, then the same command "
                   "goes on") from None
    try:
        magic, checksum, length = _HEADER.unpack_from(content)
        if magic != MAGIC:
            raise ValueError("it is not a checkpoint")
        start = _HEADER.size + length
        if zlib.crc32(memoryview(content)[_HEADER.size - _LENGTH.size:]) != checksum:
            raise ValueError("its checksum does not hold")
        header = json.loads(content[_HEADER.size:start].decode())
        arrays = {}
        for name, dtype, shape in header["arrays"]:
            if not NUMERIC.fullmatch(dtype):  # numpy would evaluate text that looks like a list
                raise ValueError(f"{name!r} is of type {dtype!r}, not numbers")
            if not all(type(size) is int and 0 <= size <= len(content) for size in shape):
                raise ValueError(f"{name!r} has the shape {shape}, which it cannot hold")
            count = math.prod(shape)  # no overflow
            # A copy, so that arrays own their memory and are aligned.
            arrays[name] = np.frombuffer(content, dtype, count, start).reshape(shape).copy()
            start += count * np.dtype(dtype).itemsize
        return arrays, header["meta"]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError,
            struct.error) as error:
        raise Damaged(f"{path}: cannot be used: {error}") from None
