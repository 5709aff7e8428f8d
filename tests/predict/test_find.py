"""From a photo to the keypoints of its faces."""
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from predict_tools import mean_face, mean_net, spot_net
from scene_tools import crowd, error_percent

from facekp.errors import ConfigError, RunError
from facekp.predict import Finder, detector, find, find_keypoints
from facekp.predict.geometry import FIVE

SIZE = 480, 320  # quick to look at twice
PEOPLE = [(80, 100, 24, 0), (240, 100, 24, 20), (400, 100, 18, -30), (120, 248, 14, 0),
          (240, 240, 11, 5), (380, 240, 36, 0)]


@pytest.fixture(scope="module")
def scene():
    return crowd(*SIZE, PEOPLE, seed=3)


def matched(faces, points):
    """Which of the people each face is, and its error in percent of the eye distance."""
    errors = np.array([[error_percent(face.keypoints, one) for one in points] for face in faces])
    return errors.argmin(1).tolist(), errors.min(1)


def test_all_people_of_a_picture_the_largest_first(scene, net):
    picture, points = scene
    faces = find_keypoints(picture, net)
    who, errors = matched(faces, points)
    assert sorted(who) == list(range(6)) and who[0] == 5
    areas = [face.box[2] * face.box[3] for face in faces]
    assert areas == sorted(areas, reverse=True)
    # an average face, put where the detector's five points say
    assert errors.max() < 20 and errors.mean() < 13
    for face in faces:
        assert face.keypoints.shape == (15, 2) and face.confidence.shape == (15,)
        assert detector.MIN_SCORE <= face.score <= 1
        assert ((0 < face.confidence) & (face.confidence <= 1)).all()
        inside = (face.keypoints - face.box[:2]) / face.box[2:]
        assert inside.min() > -0.3 and inside.max() < 1.3


def test_dark_pictures_and_small_copies(scene, net):
    dark, points = crowd(*SIZE, PEOPLE[:3], seed=3, brightness=0.2)
    assert sorted(matched(find_keypoints(dark, net), points)[0]) == [0, 1, 2]
    picture, points = scene
    small = Image.fromarray(picture).resize((240, 160), Image.BICUBIC)
    faces = find_keypoints(small, net)
    who, errors = matched(faces, points / 2)
    assert {0, 1, 5} <= set(who) and errors.max() < 30


def test_a_photo_that_lies_on_its_side_and_upside_down(net):
    picture, points = crowd(320, 240, [(160, 120, 30, 0)], seed=1)
    height, width = picture.shape[:2]
    for k, back in ((1, lambda p: np.stack([p[:, 1], width - p[:, 0]], 1)),
                    (2, lambda p: np.array([width, height]) - p),
                    (3, lambda p: np.stack([height - p[:, 1], p[:, 0]], 1))):
        [face] = find_keypoints(np.rot90(picture, k), net)
        assert error_percent(face.keypoints, back(points[0])) < 30  # a wrong turn gives 100


def test_a_face_that_fills_the_picture(net):
    picture, points = crowd(320, 240, [(160, 120, 40, 0)], seed=1)
    left, top = points[0].min(0).astype(int) - 16
    right, bottom = points[0].max(0).astype(int) + 16
    [face] = find_keypoints(picture[top:bottom, left:right], net)
    assert error_percent(face.keypoints, points[0] - (left, top)) < 20


@pytest.mark.parametrize("picture", [
    np.zeros((1, 1), np.uint8), np.zeros((10, 20000), np.uint8),
    np.full((480, 640, 3), 128, np.uint8),
    np.random.RandomState(0).randint(0, 256, (200, 300)).astype(np.uint8)])
def test_no_face_is_an_empty_list(picture, net):
    assert find_keypoints(picture, net) == []


def test_without_detection_a_crop_gets_the_nets_points_and_half_a_pixel(net):
    [face] = find_keypoints(np.zeros((96, 96), np.uint8), net, detect=False, fast=True)
    np.testing.assert_allclose(face.keypoints, mean_face() + 0.5, atol=1e-4)
    assert face.score is None and face.box.tolist() == [0, 0, 96, 96]
    np.testing.assert_allclose(face.confidence, 1, atol=1e-4)  # it agrees with its mirror image
    for size in ((1, 1), (1, 500), (4000, 3000)):
        [face] = find_keypoints(np.full(size, 90, np.uint8), net, detect=False)
        assert np.isfinite(face.keypoints).all()


def spot(x, y):
    rows, columns = np.mgrid[:480, :640] + 0.5
    return (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 72)).astype(np.uint8)


def test_the_second_pass_follows_what_the_first_one_found(tmp_path, monkeypatch):
    monkeypatch.setattr(find, "with_contrast", lambda image: image)  # or the black would be gray
    net = spot_net(tmp_path / "spot.onnx")
    # the five points' middle is 30 px of the crop from where the box says: the second pass alone
    box = [[250, 150, 150, 150]]
    [fast] = find_keypoints(spot(330, 240), net, boxes=box, detect=False, fast=True)
    [face] = find_keypoints(spot(330, 240), net, boxes=box, detect=False)
    for found in (fast, face):
        np.testing.assert_allclose(found.keypoints[list(FIVE)].mean(0), (330, 240), atol=0.3)
    # the net gives a face of its crop's size, so that the second crop is as large as the first
    np.testing.assert_allclose(face.keypoints, fast.keypoints, atol=0.5)


def test_confidence_falls_where_a_net_contradicts_itself(tmp_path):
    y = mean_face()
    y[0] += (6, 0)  # the left eye: its mirror image is where the right eye is not
    [face] = find_keypoints(np.zeros((96, 96), np.uint8), mean_net(tmp_path / "n.onnx", y),
                            detect=False, fast=True)
    # the two answers for each eye are 6 px apart, 3 px from their mean
    np.testing.assert_allclose(face.confidence[:2], np.exp(-3 / 2), atol=1e-4)
    np.testing.assert_allclose(face.confidence[2:], 1, atol=1e-4)
    np.testing.assert_allclose(face.keypoints[0], mean_face()[0] + 0.5 + (3, 0), atol=1e-4)


def test_given_boxes_in_their_picture(scene, net):
    picture, points = scene
    found = find_keypoints(picture, net)
    boxes = [face.box for face in found][:3] + [np.array([8.0, 8.0, 24.0, 24.0])]
    faces = find_keypoints(picture, net, boxes=boxes)
    assert len(faces) == 4 and faces[-1].score is None  # nobody is there; it is taken all the same
    for given, face in zip(found, faces[:3]):
        assert face.score > 0.35 and (face.box == given.box).all()
        assert error_percent(face.keypoints, given.keypoints) < 10
    assert find_keypoints(picture, net, boxes=[]) == []


def test_boxes_beyond_the_edge(scene, net):
    faces = find_keypoints(scene[0], net, boxes=[[-20, -16, 48, 48], [460, 312, 80, 80]])
    assert len(faces) == 2 and all(np.isfinite(face.keypoints).all() for face in faces)


def test_same_answers_in_any_company_and_on_any_number_of_threads(scene, net):
    finder = Finder(net, threads=1)
    one, two = finder(scene[0]), Finder(net, threads=2)(scene[0])
    for a, b in zip(one, two):
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-2)
    again = finder(scene[0])
    assert all((a.keypoints == b.keypoints).all() for a, b in zip(one, again))


@pytest.mark.parametrize("choices, message", [
    ({"min_score": 2}, "min_score"), ({"threads": 0}, "threads"), ({"boxes": [[1, 2, 3]]}, "boxes"),
    ({"boxes": [[1, 2, 0, 3]]}, "boxes"), ({"boxes": [[1, 2, np.nan, 3]]}, "boxes")])
def test_impossible_choices(choices, message, net):
    with pytest.raises(ConfigError, match=message):
        find_keypoints(np.zeros((50, 50), np.uint8), net, **choices)


def test_what_is_no_net(tmp_path, net, capfd):
    black = np.zeros((50, 50), np.uint8)
    with pytest.raises(ConfigError, match="No such file"):
        find_keypoints(black, tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("no net")
    with pytest.raises(ConfigError, match="no ONNX file that can be run"):
        find_keypoints(black, tmp_path / "text.onnx")
    mean_net(tmp_path / "name.onnx")
    content = (tmp_path / "name.onnx").read_bytes()
    (tmp_path / "name.onnx").write_bytes(content.replace(b"Gemm", b"\xff\xffmm"))
    with pytest.raises(ConfigError, match="no ONNX file that can be run"):
        find_keypoints(black, tmp_path / "name.onnx")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ConfigError, match="expected one from"):
        find_keypoints(black, detector.FILE)
    with pytest.raises(RunError, match="export the run"):
        find_keypoints(black, tmp_path)
    mean_net(tmp_path / "net.onnx")
    assert len(find_keypoints(black, tmp_path, detect=False)) == 1
    with pytest.raises(ConfigError, match="not finite"):
        find_keypoints(black, mean_net(tmp_path / "nan.onnx", np.full((15, 2), np.nan)),
                       detect=False)


def test_the_import_brings_nothing_heavy(clean_env):
    code = ("import sys, facekp.predict, facekp.predict.command, facekp.predict.folder\n"
            "heavy = {'theano', 'lasagne', 'pandas', 'scipy', 'sklearn', 'matplotlib', 'onnx', "
            "'onnxruntime'} & set(sys.modules)\n"
            "sys.exit(f'imported {heavy}' if heavy else 0)")
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, stderr=subprocess.PIPE,
                          universal_newlines=True)
    assert not done.returncode, done.stderr
