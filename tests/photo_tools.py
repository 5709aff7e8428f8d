"""Photos of every kind, good and damaged: the tables that the tests of reading them go through."""
import io
import struct
import zlib

import numpy as np
from PIL import Image


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
    return _png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), b"\0" * 100)


def _png(header, rows):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))


def bmp_header(width, height):
    return (b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0))


def tiff_that_goes_in_circles():
    """A TIFF whose first directory is empty and names itself as the next one."""
    return b"II*\0" + struct.pack("<IHI", 8, 0, 8) + b"\0" * 100


def rgb_of_16_bits():
    """A PNG with 16 bits in each colour, which Pillow reads and does not write."""
    pixels = np.asarray(picture()).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return _png(struct.pack(">IIBBBBB", 60, 40, 16, 2, 0, 0, 0), rows)


def sixteen_bits():
    gray = np.asarray(picture().convert("L")).astype(np.uint16) * 257
    return Image.fromarray(gray)


def thirty_two_bits():
    gray = np.asarray(picture().convert("L")).astype(np.int32) * 2 ** 20
    return Image.fromarray(gray)


def floats(first=0.0):
    gray = np.asarray(picture().convert("L"), np.float32) / 255
    gray[0, 0] = first
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
    "thirty-two.tif": (lambda: saved("TIFF", image=thirty_two_bits())(), None),
    "float-to-one.tif": (lambda: saved("TIFF", image=floats())(), None),
    "lzw.tif": (saved("TIFF", compression="tiff_lzw"), 0),
    "cmyk.tif": (lambda: saved("TIFF", image=picture().convert("CMYK"))(), 6),
    "photo.webp": (saved("WEBP", lossless=True), 0),
    "photo.bmp": (saved("BMP"), 0),
    "photo.ppm": (saved("PPM"), 0),
    "animated.gif": (saved("GIF", save_all=True, append_images=[Image.new("RGB", (60, 40))]), 25),
    "animated.webp": (saved("WEBP", lossless=True, save_all=True,
                            append_images=[Image.new("RGB", (60, 40))]), 0),
    "pages.tif": (saved("TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]), 0),
    "animated.png": (saved("PNG", save_all=True, append_images=[Image.new("RGB", (60, 40))]), 0),
    "two-pictures.jpg": (saved("MPO", quality=95, save_all=True,
                               append_images=[Image.new("RGB", (60, 40))]), 25),
    "text-behind-it.jpg": (lambda: saved("JPEG", quality=95)() + b"<?php ?>" * 99, 25),
    "damaged-profile.jpg": (saved("JPEG", quality=95, icc_profile=b"no profile" * 20), 25),
    "rgb-of-16-bits.png": (rgb_of_16_bits, 0),
    "packbits.tif": (saved("TIFF", compression="packbits"), 0),
    "renamed.jpg": (saved("PNG"), 0),
    "renamed.bmp": (saved("WEBP", lossless=True), 0),
    "photo": (saved("PNG"), 0),
    "näme ,\".png": (saved("PNG"), 0),
}

BAD = {  # name -> content, what the message says
    "empty.jpg": (b"", "empty or no picture"),
    "zeros.jpg": (b"\0" * 5000, "empty or no picture"),
    "text.png": (b"this is no picture\n" * 30, "empty or no picture"),
    "page.html.jpg": (b"<!DOCTYPE html><html></html>", "empty or no picture"),
    "vector.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "no picture"),
    "vector.png": (b'<svg xmlns="http://www.w3.org/2000/svg"></svg>', "empty or no picture"),
    "document.jpg": (b"%PDF-1.4\n%%EOF\n", "empty or no picture"),
    "archive.jpg": (b"PK\3\4" + b"\0" * 60, "empty or no picture"),
    "phone.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 60, "empty or no picture"),
    "film.jpg": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0" * 60, "empty or no picture"),
    "icon.png": (saved("ICO"), "empty or no picture"),
    "finder's own.jpg": (b"\0\5\x16\7\0\2\0\0Mac OS X        ", "empty or no picture"),
    "magic-alone.jpg": (b"\xff\xd8\xff\xe0", "no picture|damaged|read"),
    "cut.jpg": (lambda: saved("JPEG")()[:500], "truncated|damaged|read"),
    "cut.png": (lambda: saved("PNG")()[:-60], "truncated|damaged|read"),
    "cut.tif": (lambda: saved("TIFF")()[:700], "truncated|damaged|read|no picture"),
    "cut.webp": (lambda: saved("WEBP")()[:90], "no picture|damaged|read"),
    "cut.gif": (lambda: saved("GIF")()[:-300], "truncated|damaged|read"),
    "cut.bmp": (lambda: saved("BMP")()[:2000], "truncated|damaged|read"),
    "cut.ppm": (lambda: saved("PPM")()[:2000], "truncated|damaged|read"),
    "circle.tif": (tiff_that_goes_in_circles, "truncated|damaged|read|no picture"),
    "no-width.png": (png_header(0, 10), "no pixels|damaged|read|no picture"),
    "flipped-bytes.png": (lambda: saved("PNG")()[:60] + b"\xff" * 40 + saved("PNG")()[100:],
                          "damaged|read|no picture"),
    "bomb.png": (png_header(60000, 60000), "pixels, expected at most"),
    "bomb.bmp": (bmp_header(40000, 40000), "pixels, expected at most"),
    "bomb.ppm": (b"P6 60000 60000 255\n" + b"\0" * 100, "pixels, expected at most"),
    "no-number.tif": (lambda: saved("TIFF", image=floats(np.nan))(), "are not finite numbers"),
    "large.png": (png_header(13000, 10000), "found 130000000 pixels, expected at most 120000000"),
}

SIZES = {  # name -> content, (width, height): whole, but no face can be in it
    "one-pixel.png": (lambda: saved("PNG", image=Image.new("RGB", (1, 1)))(), (1, 1)),
    "one-pixel.gif": (lambda: saved("GIF", image=Image.new("P", (1, 1)))(), (1, 1)),
    "wide.png": (lambda: saved("PNG", image=Image.new("RGB", (20000, 10)))(), (20000, 10)),
    "high.jpg": (lambda: saved("JPEG", image=Image.new("L", (10, 20000)))(), (10, 20000)),
    "line.bmp": (lambda: saved("BMP", image=Image.new("RGB", (3000, 1)))(), (3000, 1)),
}


def write_all(folder, table):
    """Write the files of one of the tables above."""
    for name, (content, _) in table.items():
        (folder / name).write_bytes(content() if callable(content) else content)
