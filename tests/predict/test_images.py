"""Photos of every kind: what is read how, and what is refused in one line."""
import numpy as np
import pytest
from photo_tools import BAD, GOOD, picture
from PIL import Image

from facekp.predict import images
from facekp.predict.images import PhotoError, load


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


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64, np.uint32])
def test_whole_numbers_of_other_types_are_gray_levels(kind):
    array = np.tile(np.arange(100), (20, 1)).astype(kind)
    np.testing.assert_array_equal(np.asarray(load(array))[..., 0], array)


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
