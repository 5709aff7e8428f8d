"""The whole command on a folder of odd files: what is whole is used, all else is named."""
import csv
import json
import os

import pytest
from photo_tools import BAD, GOOD, SIZES, write_all
from PIL import Image

from facekp.errors import ConfigError
from facekp.predict.command import FORMATS, run
from facekp.predict.folder import predict
from facekp.predict.images import PhotoError, load
from facekp.predict.overlay import LONGEST_SIDE

SEARCHED = {name for name in GOOD if "." in name}
"""A folder is searched for names with a photo's suffix."""


@pytest.fixture
def odd(tmp_path):
    place = tmp_path / "odd"
    place.mkdir()
    for table in (GOOD, SIZES, BAD):
        write_all(place, table)
    (place / "a folder.jpg").mkdir()
    (place / "leads nowhere.jpg").symlink_to("missing.jpg")
    return place


def test_a_folder_of_odd_files(odd, tmp_path, net, capsys):
    out = tmp_path / "out"
    assert run([odd], out, FORMATS, net=net) == 1
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == len(BAD)
    for name in BAD:
        assert sum(str(odd / name) in line for line in warnings) == 1, name
    with open(out / "keypoints.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == SEARCHED | set(SIZES)
    assert {row["success"] for row in rows} == {"0"}
    sizes = {image["file_name"]: (image["width"], image["height"])
             for image in json.loads((out / "coco.json").read_text())["images"]}
    for name in SEARCHED:
        assert sizes[name] == (60, 40)
    for name, (_, size) in SIZES.items():
        assert sizes[name] == size
        with Image.open(out / "overlay" / f"{name}.png") as image:
            assert max(image.size) == min(max(size), LONGEST_SIDE)


def test_a_named_file_needs_no_suffix(odd, tmp_path, net):
    records, skipped = predict([odd / "photo"], tmp_path / "out", ("csv",), net=net)
    assert [record.file for record in records] == ["photo"] and not skipped


def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path, net):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="pipe.jpg: is no file"):
        load(tmp_path / "pipe.jpg")
    _, skipped = predict([tmp_path / "pipe.jpg"], tmp_path / "out", ("csv",), net=net)
    assert len(skipped) == 1
    with pytest.raises(ConfigError, match="no photo found"):
        predict([tmp_path], tmp_path / "again", net=net)
