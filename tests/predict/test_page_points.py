"""The page in headless Chromium finds what Python finds."""
import json

import numpy as np
import pytest
from page_tools import NEEDED, PROBLEMS, give, numbers, saved, served, shown
from PIL import Image
from scene_tools import crowd

from facekp.predict import Finder
from facekp.predict.formats import CSV_COLUMNS
from facekp.predict.images import ORIENTATION
from facekp.predict.page import build

pytestmark = NEEDED
TOLERANCE_PX = 0.05


@pytest.fixture
def page_with_our_net(chromium):
    with served(build.contents()) as address, shown(chromium, address) as found:
        yield found


def photos(folder, portrait):
    """Photos that take every way through the detector, and every kind of picture."""
    people = [(90, 80, 40, 0), (250, 80, 34, 20), (370, 90, 26, -30), (160, 210, 18, 5)]
    small = Image.fromarray(portrait).crop((160, 80, 480, 400))  # quick to look at again and again
    pictures = {
        "people.png": Image.fromarray(crowd(440, 260, people, seed=3)[0]),
        "dark.png": Image.fromarray(crowd(220, 200, [(110, 100, 40, 12)], 5, 0.15)[0]),
        "lying.png": small.transpose(Image.ROTATE_90),
        "close.png": Image.fromarray(portrait).crop((222, 130, 418, 345)),
        "large, with comma.png": Image.fromarray(crowd(1300, 200, [(600, 100, 50, 0)], 1)[0]),
        "none.png": Image.new("RGB", (150, 100), (90, 120, 60)),
        "transparent.png": small.convert("RGBA"),
    }
    pictures["transparent.png"].putalpha(Image.fromarray(
        np.repeat(np.array([255, 160], np.uint8), 160)[np.newaxis].repeat(320, 0)))
    for name, picture in pictures.items():
        picture.save(folder / name)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be seen turned clockwise
    small.transpose(Image.ROTATE_90).save(folder / "exif.jpg", quality=95, exif=exif)
    return sorted(folder.iterdir())


def test_it_finds_what_python_finds(page_with_our_net, portrait, tmp_path):
    page = page_with_our_net
    (tmp_path / "photos").mkdir()
    paths = photos(tmp_path / "photos", portrait)
    give(page, *paths)
    assert page.evaluate(PROBLEMS) == ""
    rows = saved(page, tmp_path / "saved")
    assert tuple(rows[0]) == CSV_COLUMNS
    finder, found = Finder(threads=1), 0
    for path in paths:
        faces, own = finder(path), [row for row in rows if row["file"] == path.name]
        assert len(own) == max(len(faces), 1), path.name
        if not faces:
            assert own[0]["success"] == "0" and own[0]["box_x"] == ""
        for number, (face, row) in enumerate(zip(faces, own)):
            assert (row["face_id"], row["success"]) == (str(number), "1")
            box = numbers(row, ("box_x", "box_y", "box_w", "box_h"))
            points = numbers(row, CSV_COLUMNS[10:40])
            np.testing.assert_allclose(box, face.box, atol=TOLERANCE_PX, err_msg=path.name)
            np.testing.assert_allclose(points, face.keypoints.ravel(), atol=TOLERANCE_PX,
                                       err_msg=path.name)
            assert float(row["confidence"]) == pytest.approx(face.score, abs=2e-3), path.name
            np.testing.assert_allclose(numbers(row, CSV_COLUMNS[40:]), face.confidence, atol=0.01)
            found += 1
    assert found >= 9 and {row["success"] for row in rows} == {"0", "1"}


RESAMPLED = [("bilinear", 220, 170, 180, 140, None, 2), ("bilinear", 450, 301, 60, 38, None, 2),
             ("bilinear", 97, 61, 300, 190, None, 2), ("box", 61, 47, 1, 1, None, None),
             ("bicubic", 200, 200, 96, 96, (3.3, 7.9, 180.2, 184.8), None),
             ("bicubic", 60, 60, 271, 271, (10.5, 8.25, 48.5, 46.25), None),
             ("bicubic", 96, 96, 96, 96, None, None), ("bilinear", 50, 40, 50, 20, None, None)]


def test_pictures_are_resized_as_pillow_does(page, random):
    for name, width, height, new_width, new_height, box, gap in RESAMPLED:
        pixels = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
        expected = Image.fromarray(pixels).resize(
            (new_width, new_height), getattr(Image, name.upper()), box=box, reducing_gap=gap)
        found = in_page(page, pixels, f"""resize(image, {new_width}, {new_height}, "{name}",
            {{box: {list(box) if box else 'undefined'}, reducingGap: {gap or 'undefined'}}})""")
        np.testing.assert_array_equal(found, np.asarray(expected),
                                      err_msg=f"{name}, from {width} to {new_width} px")


def test_pictures_are_turned_and_gray_as_pillow_does(page, random):
    pixels = random.randint(0, 256, (83, 120, 3)).astype(np.uint8)
    image = Image.fromarray(pixels)
    gray = image.convert("L")
    np.testing.assert_array_equal(in_page(page, pixels, "toGray(image)"), np.asarray(gray))
    matrix = (0.6, 0.2, 12.3, -0.2, 0.6, 31.0)  # some of it beyond the edge
    turned = gray.transform((96, 96), Image.AFFINE, matrix, Image.BICUBIC)
    np.testing.assert_array_equal(
        in_page(page, pixels, f"turn(toGray(image), 96, {list(matrix)})"), np.asarray(turned))
    for degrees in (90, 180, 270):
        expected = image.transpose(getattr(Image, f"ROTATE_{degrees}"))
        np.testing.assert_array_equal(in_page(page, pixels, f"rotate(image, {degrees})"), expected)


def in_page(page, pixels, code):
    """What a function of pillow.js makes of a picture."""
    height, width, channels = pixels.shape
    found = page.evaluate(f"""(async () => {{
        const {{resize, turn, rotate, toGray}} = await import("/pillow.js");
        const image = {{width: {width}, height: {height}, channels: {channels},
                        data: Uint8Array.from({pixels.ravel().tolist()})}};
        const made = {code};
        return [made.height, made.width, made.channels, Array.from(made.data)]; }})()""")
    array = np.array(found[3], np.uint8).reshape(found[:3])
    return array[..., 0] if found[2] == 1 else array


def test_a_photo_of_many_pixels_is_looked_at_smaller(chromium, portrait, net, tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(portrait).resize((1280, 960), Image.BICUBIC).save(path)
    contents = build.contents(net)
    settings = json.loads(contents["settings.json"])
    settings["canvasPixels"] = 640 * 480
    contents["settings.json"] = json.dumps(settings).encode()
    with served(contents) as address, shown(chromium, address) as page:
        give(page, path)
        assert page.evaluate("document.querySelector('article canvas').width") == 640
        [row] = saved(page, tmp_path / "saved")
    [face] = Finder(net, threads=1)(portrait)
    eyes = np.hypot(*(face.keypoints[0] - face.keypoints[1]))
    points = numbers(row, CSV_COLUMNS[10:40]).reshape(-1, 2) / 2
    assert np.hypot(*(points - face.keypoints).T).max() < 0.02 * eyes
