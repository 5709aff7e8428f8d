"""Many photos: names, bad files, stops, boxes, and the command's arguments."""
import argparse
import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scene_tools import crowd

from facekp.errors import ConfigError
from facekp.predict import command, folder, journal, video
from facekp.predict.command import add_arguments, run
from facekp.predict.folder import predict
from facekp.predict.images import PhotoError, load
from facekp.predict.paths import find_photos
from facekp.text import Progress

ALL = ("csv", "json", "coco", "labelme", "pts", "overlay")


@pytest.fixture(scope="module")
def portrait():
    return crowd(320, 240, [(160, 120, 36, 0)], seed=1)


@pytest.fixture
def photos(tmp_path, portrait):
    """A folder: two faces, nobody, a text, a file that is no photo by name, a folder in it."""
    place = tmp_path / "photos"
    (place / "more").mkdir(parents=True)
    Image.fromarray(portrait[0]).save(place / "b.jpg")
    Image.fromarray(portrait[0]).save(place / "b.png")
    Image.new("RGB", (80, 60)).save(place / "nobody.png")
    Image.fromarray(portrait[0]).save(place / "more" / "b.jpg")
    (place / "bad.jpg").write_text("no photo")
    (place / "notes.txt").write_text("nor this")
    return place


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def everything(place):
    return {path.relative_to(place).as_posix(): path.read_bytes()
            for path in place.rglob("*") if path.is_file()}


def test_a_folder_and_all_its_results(photos, tmp_path, net, capsys):
    out = tmp_path / "out"
    records, skipped = predict([photos], out, ALL, recursive=True, net=net)
    assert [record.file for record in records] == ["b.jpg", "b.png", "more/b.jpg", "nobody.png"]
    [why] = skipped
    assert str(photos / "bad.jpg") in why and "no picture" in why
    assert "bad.jpg" in capsys.readouterr().err
    assert set(everything(out)) == {
        "keypoints.csv", "keypoints.json", "coco.json", "labelme/b.jpg.json", "labelme/b.png.json",
        "labelme/more/b.jpg.json", "labelme/nobody.png.json", "overlay/b.jpg.png",
        "overlay/b.png.png", "overlay/more/b.jpg.png", "overlay/nobody.png.png",
        "pts/b.jpg.0.pts", "pts/b.png.0.pts", "pts/more/b.jpg.0.pts"}
    rows = rows_of(out / "keypoints.csv")
    assert [(row["file"], row["success"]) for row in rows] == [
        ("b.jpg", "1"), ("b.png", "1"), ("more/b.jpg", "1"), ("nobody.png", "0")]
    assert len(json.loads((out / "coco.json").read_text())["images"]) == 4


def test_points_of_faces_that_are_not_found_any_more_are_removed(photos, tmp_path, net):
    (tmp_path / "boxes.csv").write_text("file,box_x,box_y,box_w,box_h\n"
                                        + 3 * "b.jpg,100,60,120,120\n")
    given, out = [photos / "b.jpg", photos / "b.png"], tmp_path / "out"
    predict(given, out, ("pts",), net=net, boxes=tmp_path / "boxes.csv")
    assert {f"pts/b.jpg.{number}.pts" for number in range(3)} == set(everything(out))
    predict(given, out, ("pts",), net=net)
    assert set(everything(out)) == {"pts/b.jpg.0.pts", "pts/b.png.0.pts"}


class Terminal(io.StringIO):
    """A terminal that keeps what was written; a line can be taken away."""

    def isatty(self):
        return True

    def seen(self):
        return [line.rpartition("\r\033[K")[2] for line in self.getvalue().split("\n")]


def test_a_terminal_shows_how_far_it_is(photos, tmp_path, net, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(Progress, "SECONDS", 0)
    _, [why] = predict([photos], tmp_path / "out", ("csv",), net=net)
    for number in (1, 2, 3):
        assert f"photos: {number} of 4, 0:00:" in sys.stderr.getvalue()
    assert sys.stderr.seen() == [f"facekp: warning: {why} (left out)", ""]  # the count is gone


def test_a_terminal_that_is_gone_ends_nothing(photos, tmp_path, net, monkeypatch):
    class Gone(Terminal):
        def write(self, text):
            if "\r" in text:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sys, "stderr", Gone())
    records, _ = predict([photos], tmp_path / "out", ("csv",), net=net)
    assert len(records) == 3


def test_a_name_that_is_too_long_for_its_results_leaves_that_photo_out(photos, tmp_path, net):
    (photos / "b.jpg").rename(photos / ("a" * 247 + ".jpg"))  # .png behind it is as much as fits
    (photos / "b.png").rename(photos / ("b" * 248 + ".png"))
    records, skipped = predict([photos], tmp_path / "out", net=net)
    assert [record.file[0] for record in records] == ["a", "n"]
    assert len(skipped) == 2 and str(photos / ("b" * 248)) in skipped[1]
    assert len(rows_of(tmp_path / "out" / "keypoints.csv")) == 2


def test_the_same_name_twice_gets_a_number(photos, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for name in ("b.jpg", "B.JPG", "b-2.jpg"):
        Image.new("L", (8, 8)).save(other / name, "JPEG")
    found = find_photos([photos, other, photos / "b.jpg", photos / "more" / "b.jpg"])
    assert list(found)[:3] == ["b.jpg", "b.png", "bad.jpg"]  # the third path was there already
    assert len(found) == 4 + 3 + 1
    assert len({name.lower() for name in found}) == len(found)
    assert len({os.path.realpath(path) for path in found.values()}) == len(found)


def test_a_folder_that_cannot_be_read_is_named_and_left_out(photos, tmp_path, net, monkeypatch):
    scandir = os.scandir

    def closed(path):  # root may read any folder
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    records, skipped = predict([photos], tmp_path / "out", ("csv",), recursive=True, net=net)
    assert len(records) == 3 and len(skipped) == 2
    assert f"{photos / 'more'}: cannot be read (Permission denied)" in skipped[0]
    with pytest.raises(ConfigError, match="no photo found"):
        predict([photos / "more"], tmp_path / "again", net=net)


def test_photos_in_a_folder_that_may_be_listed_alone_are_named(photos, tmp_path, net, monkeypatch):
    is_file = Path.is_file

    def closed(path):  # root may look at any file
        if path.parent.name == "more":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", closed)
    records, skipped = predict([photos], tmp_path / "out", ("csv",), recursive=True, net=net)
    assert len(records) == 3 and len(skipped) == 2
    assert f"{photos / 'more' / 'b.jpg'}: cannot be read (Permission denied)" in skipped[1]


def test_links_that_go_in_circles(photos, tmp_path):
    (photos / "more" / "again").symlink_to(photos)
    (photos / "itself.jpg").symlink_to("itself.jpg")
    assert list(find_photos([photos], recursive=True)) == ["b.jpg", "b.png", "bad.jpg",
                                                           "more/b.jpg", "nobody.png"]
    [path] = find_photos([photos / "itself.jpg"]).values()
    with pytest.raises(PhotoError, match="itself.jpg: cannot be read"):
        load(path)


def test_results_in_the_folder_of_the_photos_are_not_taken_for_photos(photos, net):
    predict([photos], photos, net=net, recursive=True)
    before = set(everything(photos))
    records, _ = predict([photos], photos, net=net, recursive=True)
    assert len(records) == 4 and set(everything(photos)) == before


def test_an_interrupted_folder_goes_on_and_ends_the_same(photos, tmp_path, net, monkeypatch):
    whole, out = tmp_path / "whole", tmp_path / "out"
    predict([photos], whole, ALL, recursive=True, net=net)
    finder_call = folder.Finder.__call__
    seen = []

    def stop_at_the_third(self, image, boxes=None):
        seen.append(image.size)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return finder_call(self, image, boxes)

    monkeypatch.setattr(folder.Finder, "__call__", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt, match="goes on"):
        predict([photos], out, ALL, recursive=True, net=net)
    assert not (out / "keypoints.csv").exists()  # nothing that looks complete
    with open(out / journal.NAME, "a") as file:
        file.write('[[1, 2], "cut o')  # as a kill leaves it
    seen.clear()
    monkeypatch.setattr(folder.Finder, "__call__", lambda self, image, boxes=None: (
        seen.append(image.size), finder_call(self, image, boxes))[1])
    predict([photos], out, ALL, recursive=True, net=net)
    assert len(seen) == 2  # of four
    assert everything(out) == everything(whole)


def test_what_changed_meanwhile_is_done_again(photos, tmp_path, net, portrait, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr(folder, "_write_whole", lambda *args: 1 / 0)
    for choices in ({}, {"fast": True}):
        with pytest.raises(ZeroDivisionError):
            predict([photos], out, net=net, **choices)
    again = journal.Journal(out, {"other": "choices"})
    assert again.done == {}  # begun anew
    again.close(True)
    with pytest.raises(ZeroDivisionError):
        predict([photos], out, net=net)
    choices = json.loads((out / journal.NAME).read_text().splitlines()[0])
    Image.fromarray(portrait[0][:, ::-1]).save(photos / "b.png")
    again = journal.Journal(out, choices)
    assert again.has("b.jpg", str(photos / "b.jpg"))
    assert not again.has("b.png", str(photos / "b.png"))
    again.close(False)


def test_a_photo_that_changes_while_it_is_looked_at_is_not_done(photos, tmp_path, net, portrait,
                                                                monkeypatch):
    finder_call = folder.Finder.__call__

    def change_it(self, image, boxes=None):
        Image.fromarray(portrait[0][:, ::-1]).save(photos / "b.png")
        return finder_call(self, image, boxes)

    monkeypatch.setattr(folder.Finder, "__call__", change_it)
    monkeypatch.setattr(folder, "_write_whole", lambda *args: 1 / 0)
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError):
        predict([photos / "b.png"], out, net=net)
    choices = json.loads((out / journal.NAME).read_text().splitlines()[0])
    again = journal.Journal(out, choices)
    assert list(again.done) == ["b.png"] and not again.has("b.png", str(photos / "b.png"))
    again.close(False)


def test_two_do_not_write_into_one_folder(photos, tmp_path, net):
    out = tmp_path / "out"
    out.mkdir()
    other = journal.Journal(out, {"other": "choices"})
    before = everything(out)
    with pytest.raises(ConfigError, match="another process"):
        predict([photos], out, net=net)
    assert everything(out) == before
    other.close(True)
    predict([photos], out, net=net)
    assert (out / "keypoints.csv").exists()


def test_a_killed_process_leaves_nothing_half_written(tmp_path, net, portrait, clean_env):
    place, out = tmp_path / "photos", tmp_path / "out"
    place.mkdir()
    for number in range(12):
        Image.fromarray(portrait[0]).save(place / f"{number:02d}.jpg")
    code = ("import sys; from facekp.predict.folder import predict\n"
            "predict(sys.argv[1:2], sys.argv[2], net=sys.argv[3])")
    child = subprocess.Popen([sys.executable, "-c", code, str(place), str(out), str(net)],
                             env=clean_env)
    deadline = time.time() + 120
    while len(list(out.glob("overlay/*.png"))) < 3 and time.time() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    for path in out.rglob("*.png"):
        with Image.open(path) as image:
            image.load()
    assert not (out / "keypoints.csv").exists()
    records, skipped = predict([place], out, net=net)
    assert len(records) == 12 and not skipped and len(rows_of(out / "keypoints.csv")) == 12


def test_boxes_from_a_file_and_from_results(photos, tmp_path, net):
    first = tmp_path / "first"
    predict([photos], first, ("csv",), net=net)
    again, _ = predict([photos], tmp_path / "again", ("csv",), net=net,
                       boxes=first / "keypoints.csv")
    expected = rows_of(first / "keypoints.csv")
    found = rows_of(tmp_path / "again" / "keypoints.csv")
    assert [row["box_x"] for row in found] == [row["box_x"] for row in expected]
    assert [len(record.faces) for record in again] == [1, 1, 0]


@pytest.mark.parametrize("text, message", [
    ("file,x\na,1\n", "row 1: found 'file,x', expected the columns file,box_x"),
    ("file,box_x,box_y,box_w,box_h\nother.jpg,1,1,5,5\n", "row 2: found the file 'other.jpg'"),
    ("file,box_x,box_y,box_w,box_h\nb.jpg,1,a,5,5\n", "row 2: found '1,a,5,5'"),
    ("file,box_x,box_y,box_w,box_h\nb.jpg,1,1,0,5\n", "row 2: found '1,1,0,5'"),
    ("file,box_x,box_y,box_w,box_h\nb.jpg,1,1,5,nan\n", "row 2: found '1,1,5,nan'"),
    ("file,box_x,box_y,box_w,box_h\nb.jpg,1,inf,5,5\n", "row 2: found '1,inf,5,5'"),
    ("file,box_x,box_y,box_w,box_h\n\nb.jpg,1,1\n", "row 3: found '1,1,,'"),
    ("file;box_x;box_y;box_w;box_h\n", "row 1: found 'file;box_x"),
    ("", "row 1")])
def test_boxes_that_cannot_be_used(text, message, photos, tmp_path, net):
    (tmp_path / "boxes.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        predict([photos / "b.jpg"], tmp_path / "out", net=net, boxes=tmp_path / "boxes.csv")


def test_boxes_of_a_video_are_refused(photos, tmp_path, net, portrait, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", FakeVideo(portrait[0]))
    monkeypatch.chdir(tmp_path)
    Path("v.mp4").write_bytes(b"")
    predict([photos / "b.jpg", "v.mp4"], "out", ("csv",), net=net)
    rows = rows_of("out/keypoints.csv")
    assert [row["file"] for row in rows] == ["b.jpg"] + 3 * ["v.mp4"]
    with pytest.raises(ConfigError, match="row 3: found the file 'v.mp4', which is none"):
        predict([photos / "b.jpg", "v.mp4"], "again", ("csv",), net=net,
                boxes="out/keypoints.csv")


@pytest.mark.parametrize("box", ["400,1,5,5", "1,-9,5,5", "1,1,700,5"])
def test_a_box_that_is_not_in_its_photo_leaves_that_one_out(box, photos, tmp_path, net):
    (tmp_path / "boxes.csv").write_text("\ufefffile,box_x,box_y,box_w,box_h\n"  # as Excel writes it
                                        f"b.jpg,{box}\nb.png,300,200,40,60\n", encoding="utf-8")
    records, [why] = predict([photos / "b.jpg", photos / "b.png"], tmp_path / "out", ("csv",),
                             net=net, boxes=tmp_path / "boxes.csv")
    assert [(record.file, len(record.faces)) for record in records] == [("b.png", 1)]
    assert str(photos / "b.jpg") in why and "which has 320x240 px" in why


def test_impossible_requests(photos, tmp_path, net):
    with pytest.raises(ConfigError, match="does not exist"):
        predict([photos / "missing.jpg"], tmp_path / "out", net=net)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ConfigError, match="no photo found"):
        predict([tmp_path / "nothing"], tmp_path / "out", net=net)
    with pytest.raises(ConfigError, match="format: found xml"):
        predict([photos], tmp_path / "out", ("xml",), net=net)
    with pytest.raises(ConfigError, match="cannot be written"):
        predict([photos], photos / "b.jpg", net=net)
    assert not (tmp_path / "out").exists()


def test_the_commands_arguments_and_exit_codes(photos, tmp_path, net, capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = str(tmp_path / "out")
    options = parser.parse_args([str(photos), "-o", out, "--net", str(net), "--format", "csv,json",
                                 "--fast", "--threads", "1"])
    assert options.run(options) == 1  # one file was left out
    assert capsys.readouterr().out == (
        f"{out}: 2 faces in 3 pictures, 1 without a face, 1 left out\n")
    assert set(everything(tmp_path / "out")) == {"keypoints.csv", "keypoints.json"}
    assert run([photos / "b.jpg"], out, ("csv",), net=net) == 0
    for wrong in (["--format", "xml"], ["--threads", "0"], ["--min-score", "x"], ["--out", ""],
                  ["--net", ""], ["--boxes", " "]):
        with pytest.raises(SystemExit):
            parser.parse_args([str(photos), *wrong])


def test_the_arguments_are_declared_without_any_import(clean_env):
    code = ("import sys, argparse; before = set(sys.modules)\n"
            "from importlib.util import spec_from_file_location, module_from_spec\n"
            "spec = spec_from_file_location('command', sys.argv[1])\n"
            "module = module_from_spec(spec); spec.loader.exec_module(module)\n"
            "module.add_arguments(argparse.ArgumentParser())\n"
            "sys.exit('numpy' in sys.modules or 'facekp.predict.find' in sys.modules)")
    assert subprocess.call([sys.executable, "-c", code, command.__file__], env=clean_env) == 0


class FakeVideo:
    """What OpenCV has of a video, for three frames."""

    CAP_PROP_POS_MSEC, COLOR_BGR2RGB = 0, 4

    def __init__(self, frame):
        self.frames, self.number = [frame[..., ::-1]] * 3, 0

    def VideoCapture(self, path):
        assert path == "v.mp4" or path == 0
        return self

    def get(self, what):
        return 40.0 * (self.number - 1)  # of the frame that was read last

    def read(self):
        if self.number == len(self.frames):
            return False, None
        self.number += 1
        return True, self.frames[self.number - 1]

    def release(self):
        self.number = -1

    @staticmethod
    def cvtColor(frame, code):
        return np.ascontiguousarray(frame[..., ::-1])


@pytest.mark.parametrize("path", ["v.mp4", "camera:0"])
def test_every_frame_of_a_video_is_a_record(path, net, portrait, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", FakeVideo(portrait[0]))
    found = list(video.records("v", path, folder.Finder(net)))
    assert [(record.frame, record.timestamp) for record in found] == [(0, 0), (1, 0.04), (2, 0.08)]
    assert all(len(record.faces) == 1 and record.size == (320, 240) for record in found)


@pytest.mark.parametrize("path", ["camera:", "camera:front", "camera:\u00b2"])
def test_what_is_no_number_of_a_camera(path, net, portrait, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", FakeVideo(portrait[0]))
    with pytest.raises(PhotoError, match="found no number of a camera"):
        next(video.records("v", path, folder.Finder(net)))


def test_without_opencv_a_video_is_left_out_in_one_line(tmp_path, net, monkeypatch, photos):
    monkeypatch.setitem(sys.modules, "cv2", None)
    (photos / "v.mp4").write_bytes(b"")
    records, skipped = predict([photos], tmp_path / "out", net=net)
    assert len(records) == 3 and "pip install opencv-python-headless" in " ".join(skipped)
