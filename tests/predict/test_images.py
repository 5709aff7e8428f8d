"""Photos of every kind: what is read how, and what is refused in one line."""
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from facekp.predict import images
from facekp.predict.images import PhotoError, load


def picture(width=60, height=40):
    """RGB, darker to the left and red at the top."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., :] = np.linspace(20, 230, width).astype(np.uint8)[:, np.newaxis]
    rgb[: height // 2, :, 1:] //= 2
    return Image.fromarray(rgb)


def saved(form, **options):
    def content():
        file = io.BytesIO()
        image = options.pop("image", None) or picture()
        image.save(file, form, **options)
        return file.getvalue()
    return content


def png_header(width, height):
    """A PNG that says that it is large, and holds next to nothing."""
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0,
                                                              0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))


def sixteen_bits():
    gray = np.asarray(picture().convert("L")).astype(np.uint16) * 257
    return Image.fromarray(gray)


GOOD = {  # name -> content, how far the pixels may be from picture()'s; None: gray only
    "photo.jpg": (saved("JPEG", quality=95), 25),
    "progressive.jpg": (saved("JPEG", quality=95, progressive=True), 25),
    "cmyk.jpg": (lambda: saved("JPEG", quality=95, image=picture().convert("CMYK"))(), 25),
    "gray.jpg": (lambda: saved("JPEG", image=picture().convert("L"))(), None),
    "photo.png": (saved("PNG"), 0),
    "rgba.png": (lambda: saved("PNG", image=picture().convert("RGBA"))(), 0),
    "gray-alpha.png": (lambda: saved("PNG", image=picture().convert("LA"))(), None),
    "palette.png": (lambda: saved("PNG", image=picture().quantize(64))(), 25),
    "one-bit.png": (lambda: saved("PNG", image=picture().convert("1"))(), None),
    "sixteen.png": (lambda: saved("PNG", image=sixteen_bits())(), None),
    "sixteen.tif": (lambda: saved("TIFF", image=sixteen_bits())(), None),
    "float.tif": (lambda: saved("TIFF", image=picture().convert("F"))(), None),
    "lzw.tif": (saved("TIFF", compression="tiff_lzw"), 0),
    "cmyk.tif": (lambda: saved("TIFF", image=picture().convert("CMYK"))(), 6),
    "photo.webp": (saved("WEBP", lossless=True), 0),
    "photo.bmp": (saved("BMP"), 0),
    "photo.ppm": (saved("PPM"), 0),
    "animated.gif": (saved("GIF", save_all=True, append_images=[Image.new("RGB", (60, 40))]), 25),
    "animated.webp": (saved("WEBP", lossless=True, save_all=True,
                            append_images=[Image.new("RGB", (60, 40))]), 0),
    "pages.tif": (saved("TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]), 0),
    "renamed.jpg": (saved("PNG"), 0),
    "photo": (saved("PNG"), 0),
    "näme ,\".png": (saved("PNG"), 0),
}

BAD = {  # name -> content, what the message says
    "empty.jpg": (b"", "empty or no picture"),
    "text.png": (b"this is no picture\n" * 30, "empty or no picture"),
    "page.html.jpg": (b"<!DOCTYPE html><html></html>", "empty or no picture"),
    "vector.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no picture"),
    "magic-alone.jpg": (b"\xff\xd8\xff\xe0", "no picture|damaged|read"),
    "cut.jpg": (lambda: saved("JPEG")()[:500], "truncated|damaged|read"),
    "cut.png": (lambda: saved("PNG")()[:-60], "truncated|damaged|read"),
    "cut.tif": (lambda: saved("TIFF")()[:700], "truncated|damaged|read|no picture"),
    "cut.webp": (lambda: saved("WEBP")()[:90], "no picture|damaged|read"),
    "flipped-bytes.png": (lambda: saved("PNG")()[:60] + b"\xff" * 40 + saved("PNG")()[100:],
                          "damaged|read|no picture"),
    "bomb.png": (png_header(60000, 60000), "pixels, expected at most"),
    "large.png": (png_header(13000, 10000), "found 130000000 pixels, expected at most 120000000"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_read(name, tmp_path):
    content, tolerance = GOOD[name]
    path = tmp_path / name
    path.write_bytes(content())
    image = load(path)
    assert image.mode == "RGB" and image.size == (60, 40)
    found = np.asarray(image).astype(int)
    if tolerance is None:
        assert found[:, -5:].mean() > found[:, :5].mean() + 80
        assert (found[..., 0] == found[..., 2]).all()
    else:
        assert np.abs(found - np.asarray(picture())).max() <= tolerance


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_in_one_line(name, tmp_path):
    content, message = BAD[name]
    path = tmp_path / name
    path.write_bytes(content() if callable(content) else content)
    with pytest.raises(PhotoError, match=message) as error:
        load(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "missing.jpg", "a\0b.jpg"):
        with pytest.raises(PhotoError):
            load(path)


def test_sizes_at_the_ends():
    assert load(Image.new("L", (1, 1))).size == (1, 1)
    assert load(Image.new("RGB", (20000, 10))).size == (20000, 10)
    with pytest.raises(PhotoError, match="no pixels"):
        load(np.zeros((0, 5), np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_seen_the_same(orientation, tmp_path):
    upright = np.asarray(picture())
    stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
              5: upright.transpose(1, 0, 2), 6: np.rot90(upright),
              7: upright[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(upright, -1)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(load(tmp_path / "a.png")), upright)


def test_damaged_exif_does_not_hide_the_picture(tmp_path):
    picture().save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\1" * 20)
    assert load(tmp_path / "a.jpg").size == (60, 40)


def test_what_is_transparent_is_white():
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[:2, :, 3] = 255
    found = np.asarray(load(rgba))
    assert (found[:2] == 0).all() and (found[2:] == 255).all()


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, bool])
def test_arrays_of_every_kind(kind):
    gray = np.tile(np.linspace(0, 1, 50), (20, 1))
    white = {np.uint8: 255, np.uint16: 65535}.get(kind, 1)
    array = np.rint(gray).astype(bool) if kind is bool else (gray * white).astype(kind)
    for given in (array, array[..., np.newaxis], np.stack([array] * 3, -1)):
        found = np.asarray(load(given)).astype(int)
        assert found.shape == (20, 50, 3)
        expected = np.rint(gray) * 255 if kind is bool else gray * 255
        assert np.abs(found - expected[..., np.newaxis]).max() <= 1
    assert np.abs(np.asarray(load(gray * 255)).astype(int)[..., 0] - gray * 255).max() <= 1


@pytest.mark.parametrize("array, message", [
    (np.zeros(5), "shape"), (np.zeros((3, 4, 2)), "shape"), (np.full((3, 3), np.nan), "finite"),
    (np.zeros((3, 3), complex), "complex"), (np.array([["a"]]), "array of")])
def test_arrays_that_are_no_photo(array, message):
    with pytest.raises(PhotoError, match=message):
        load(array)


def test_a_view_of_a_large_array_is_refused_before_it_is_copied():
    with pytest.raises(PhotoError, match="expected at most"):
        load(np.broadcast_to(np.uint8(3), (20000, 20000)))


def test_every_suffix_is_one_that_pillow_knows():
    Image.init()
    known = {suffix for suffix, form in Image.registered_extensions().items()
             if form in images.FORMATS + ("MPO",)}
    assert set(images.SUFFIXES) - {".pnm"} <= known
