"""Photos of every kind as RGB pictures the right way up.

Whatever cannot be a photo ends in a :class:`PhotoError` of one line, never in a crash: files come
from anybody.
"""
import contextlib
import os
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from facekp.errors import FacekpError
from facekp.text import shown_path

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM")
"""Pillow's names of what is opened. Others, like EPS, would start foreign programs."""

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff",
            ".gif", ".ppm", ".pgm", ".pnm")
"""How the files are called that a folder is searched for."""

ORIENTATION = 0x0112
"""EXIF's number of the orientation."""

MAX_PIXELS = 120 * 10**6
"""Larger photos are refused: the picture in memory would take more than 360 MB."""


class PhotoError(FacekpError):
    """A file or an array is not a photo that can be used."""


def load(source):
    """A photo as RGB, turned as its EXIF says.

    Parameters
    ----------
    source : path, PIL image, or array
        An array is (height, width), (height, width, 1), (height, width, 3) RGB or
        (height, width, 4) RGBA; of bool, uint8, uint16, other whole numbers up to 255, or floats
        in [0, 1] or [0, 255]. Of an animation or a file of several pages, the first picture counts.

    Returns
    -------
    PIL image of mode RGB

    Raises
    ------
    PhotoError
        If it cannot be read, is no picture, or is too large.
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_file(Path(source))
    name = "the picture"
    try:
        image = source if isinstance(source, Image.Image) else _from_array(np.asarray(source), name)
        return _to_rgb(_sized(image, name), name)
    except PhotoError:
        raise
    except Exception as error:  # Pillow raises a dozen kinds
        raise PhotoError(f"{name}: cannot be used ({_first_line(error)}); give a gray, RGB or RGBA "
                         "picture") from None


def _from_file(path):
    name = shown_path(path)
    try:
        if path.exists() and not path.is_file():  # opening a pipe waits for somebody to write
            raise PhotoError(f"{name}: is no file, but a folder, a pipe or a device; name a file")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF, and of sizes that are checked below
            with Image.open(path, formats=FORMATS) as image:
                return _to_rgb(_sized(image, name), name)
    except PhotoError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name, "far too many") from None
    except Image.UnidentifiedImageError:
        raise PhotoError(f"{name}: is empty or no picture; give a JPEG, PNG, WebP, BMP, TIFF, GIF "
                         "or PPM file") from None
    except MemoryError:
        raise PhotoError(f"{name}: does not fit into the memory; give a smaller copy") from None
    except OSError as error:
        raise PhotoError(f"{name}: cannot be read ({error.strerror or _first_line(error)}); "
                         "mend or leave out the file") from None
    except Exception as error:  # Pillow's parsers of damaged files raise a dozen kinds
        raise PhotoError(f"{name}: is damaged ({_first_line(error)}); mend or leave out the file"
                         ) from None


def _first_line(error):
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _too_large(name, found):
    return PhotoError(f"{name}: found {found} pixels, expected at most {MAX_PIXELS}; give a "
                      "smaller copy")


def _sized(image, name):
    if not image.width or not image.height:
        raise PhotoError(f"{name}: has no pixels; give another picture")
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name, image.width * image.height)
    return image


def _to_rgb(image, name):
    image.load()
    with contextlib.suppress(Exception):  # damaged EXIF; the picture itself is whole
        if image.getexif().get(ORIENTATION, 1) != 1:  # else Pillow would copy the picture
            image = ImageOps.exif_transpose(image)
    if image.mode[0] in "IF":  # 16 bits and more in one channel
        image = Image.fromarray(_to_8_bits(np.asarray(image), name))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        # what is transparent may have any colour: white, as a page shows it
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_array(array, name):
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or array.ndim == 3 and array.shape[2] not in (3, 4):
        raise PhotoError(f"{name}: found an array of shape {array.shape}, expected (height, "
                         "width), or (height, width, 3) for RGB or (height, width, 4) for RGBA")
    if not array.size:
        raise PhotoError(f"{name}: found an array of shape {array.shape}, which has no "
                         "pixels; give another picture")
    if array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise _too_large(name, array.shape[0] * array.shape[1])
    return Image.fromarray(np.ascontiguousarray(_to_8_bits(array, name)))


def _to_8_bits(array, name):
    """uint8 from bool, 8 or 16 bits, or floats; 0 is black, the largest value of the type white;
    beyond 16 bits, the largest value that is there."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise PhotoError(f"{name}: found an array of {array.dtype}, expected uint8, uint16, "
                         "bool or floats")
    if not np.isfinite(array).all():
        raise PhotoError(f"{name}: found values that are not finite numbers; replace them")
    values, largest = array.astype(np.float32), float(array.max())
    if array.dtype.kind == "f":
        white = 1.0 if largest <= 1 else 255.0 if largest <= 255 else max(65535.0, largest)
    else:
        # what arithmetic on gray levels gives; a dark picture of 16 bits has no sign
        eight_bits = largest <= 255 and array.dtype.str[1:] != "u2"
        white = 255.0 if eight_bits else max(65535.0, largest)
    return np.clip(np.rint(values * np.float32(255 / white)), 0, 255).astype(np.uint8)
