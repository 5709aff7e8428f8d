"""The files of results, read back as other programs read them."""
import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

from facekp.keypoints import COLUMNS, KEYPOINTS
from facekp.predict import formats, overlay
from facekp.predict.find import Face
from facekp.predict.records import Record, as_json, from_json


def face(x=100.0, y=50.0, score=0.75):
    points = np.stack([x + 2.0 * np.arange(15), y + 3.0 * np.arange(15)], 1)
    return Face(np.array([x - 10, y - 10, 60.0, 80.0]), score, points, np.linspace(0.1, 1, 15))


@pytest.fixture
def records(tmp_path):
    return [Record("a.jpg", str(tmp_path / "photos" / "a.jpg"), (640, 480),
                   [face(), face(300.0, 200.0, None)]),
            Record("sub/nobody, \"x\".png", "nobody.png", (20, 10), []),
            Record("v.mp4", "v.mp4", (320, 240), [face()], 7, 0.28)]


def test_csv_has_a_row_for_each_face_and_for_each_photo_without_one(records, tmp_path):
    formats.write_csv(tmp_path / "k.csv", records)
    with open(tmp_path / "k.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["a.jpg", "a.jpg", "sub/nobody, \"x\".png", "v.mp4"]
    assert [row["success"] for row in rows] == ["1", "1", "0", "1"]
    assert [row["face_id"] for row in rows] == ["0", "1", "", "0"]
    assert [row["confidence"] for row in rows] == ["0.7500", "", "", "0.7500"]
    assert (rows[3]["frame"], rows[3]["timestamp"], rows[0]["frame"]) == ("7", "0.28", "")
    header = list(rows[0])
    assert header[:10] == ["file", "frame", "timestamp", "face_id", "success", "confidence",
                           "box_x", "box_y", "box_w", "box_h"]
    assert header[10:40] == list(COLUMNS)
    assert [float(rows[1][name]) for name in header[6:10]] == [290, 190, 60, 80]
    np.testing.assert_allclose([float(rows[0][name]) for name in COLUMNS],
                               face().keypoints.ravel(), atol=1e-3)
    assert float(rows[0]["nose_tip_confidence"]) == pytest.approx(face().confidence[10], abs=1e-4)


def test_a_name_that_is_no_utf8_is_written(tmp_path):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    one = [Record(name, name, (9, 9), [])]
    formats.write_csv(tmp_path / "k.csv", one)
    assert b"\ncaf\xe9.jpg," in (tmp_path / "k.csv").read_bytes()
    formats.write_json(tmp_path / "k.json", one, {})
    formats.write_coco(tmp_path / "c.json", one)
    assert json.loads((tmp_path / "c.json").read_text())["images"][0]["file_name"] == name


def test_json_names_every_keypoint_and_reads_back(records, tmp_path):
    formats.write_json(tmp_path / "k.json", records, {"data": "a test's faces"})
    found = json.loads((tmp_path / "k.json").read_text())
    assert found["net"] == {"data": "a test's faces"} and "EXIF" in found["coordinates"]
    assert [photo["file"] for photo in found["photos"]] == [record.file for record in records]
    assert set(found["photos"][0]["faces"][0]["keypoints"]) == set(KEYPOINTS)
    assert found["photos"][0]["faces"][1]["score"] is None
    for record, value in zip(records, found["photos"]):
        again = from_json(value, record.path)
        assert as_json(again) == as_json(record)
        for a, b in zip(record.faces, again.faces):
            assert (a.keypoints == b.keypoints).all() and (a.confidence == b.confidence).all()


def test_coco_is_whole(records, tmp_path):
    formats.write_coco(tmp_path / "coco.json", records[:2])
    found = json.loads((tmp_path / "coco.json").read_text())
    [category] = found["categories"]
    assert category["keypoints"] == list(KEYPOINTS)
    assert all(1 <= end <= 15 for pair in category["skeleton"] for end in pair)
    assert category["skeleton"][0] == [3, 1]  # counted from 1, as COCO does
    images = {image["id"]: image for image in found["images"]}
    assert len(images) == 2 and images[1] == {"id": 1, "file_name": "a.jpg", "width": 640,
                                              "height": 480}
    assert len({one["id"] for one in found["annotations"]}) == 2
    for one, expected in zip(found["annotations"], records[0].faces):
        assert one["image_id"] == 1 and one["category_id"] == category["id"]
        assert one["num_keypoints"] == 15 and one["iscrowd"] == 0
        assert one["bbox"] == expected.box.tolist() and one["area"] == 4800
        values = np.reshape(one["keypoints"], (15, 3))
        np.testing.assert_allclose(values[:, :2], expected.keypoints, atol=1e-3)
        assert (values[:, 2] == 2).all()


@pytest.mark.parametrize("linked", [False, True])
def test_labelme_finds_the_photo_from_its_own_place(linked, records, tmp_path):
    photo = tmp_path / "photos" / "a.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"")
    if linked:  # to a folder deeper than the link is
        (tmp_path / "another" / "disk").mkdir(parents=True)
        (tmp_path / "out").symlink_to(tmp_path / "another" / "disk")
    (tmp_path / "out" / "labelme").mkdir(parents=True)
    path = tmp_path / "out" / "labelme" / "a.jpg.json"
    formats.write_labelme(path, records[0])
    found = json.loads(path.read_text())
    assert (path.parent / found["imagePath"]).resolve() == photo.resolve()
    assert found["imageData"] is None
    assert (found["imageWidth"], found["imageHeight"]) == (640, 480)
    assert [shape["group_id"] for shape in found["shapes"]] == [0] * 15 + [1] * 15
    assert {shape["shape_type"] for shape in found["shapes"]} == {"point"}
    assert [shape["label"] for shape in found["shapes"][:15]] == list(KEYPOINTS)
    assert found["shapes"][16]["points"] == [[302.0, 203.0]]


def test_pts_counts_from_one(tmp_path):
    formats.write_pts(tmp_path / "a.pts", face())
    text = (tmp_path / "a.pts").read_text()
    assert re.match(r"version: 1\nn_points: 15\n\{\n(\S+ \S+\n){15}\}\n\Z", text)
    values = [[float(word) for word in line.split()] for line in text.splitlines()[3:-1]]
    np.testing.assert_allclose(values, face().keypoints + 0.5, atol=1e-3)


def test_the_overlay_is_the_photo_with_marks_where_the_points_are(tmp_path):
    photo = Image.new("RGB", (640, 480), (90, 90, 90))
    overlay.write_overlay(tmp_path / "o.png", photo, [face(), face(400.0, 100.0)])
    with Image.open(tmp_path / "o.png") as image:
        drawn = np.asarray(image.convert("RGB"))
    assert drawn.shape == (480, 640, 3)
    for x, y in face().keypoints:
        assert drawn[int(y), int(x)].tolist() == [255, 40, 40]
    changed = (drawn != 90).any(-1)
    assert 0.002 < changed.mean() < 0.05 and not changed[:, :85].any()
    assert photo.getpixel((100, 50)) == (90, 90, 90)


def test_a_large_photo_gets_a_smaller_overlay_and_a_box_outside_is_no_error():
    drawn = overlay.draw(Image.new("RGB", (5000, 10)), [face(-500.0, -900.0), face(4900.0)])
    assert drawn.size == (2048, 4)
