"""The page in headless Chromium: it finds what Python finds, and people can use it."""
import contextlib
import csv
import io
import shutil
import threading
import time

import numpy as np
import pytest
from browser_tools import CHROMIUM, Browser
from PIL import Image
from predict_tools import mean_net
from scene_tools import crowd

from facekp.keypoints import KEYPOINTS
from facekp.predict import Finder
from facekp.predict.formats import CSV_COLUMNS
from facekp.predict.images import MAX_PIXELS, ORIENTATION, load
from facekp.predict.page import build, runtime, serve

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt install chromium"),
    pytest.mark.skipif(not shutil.which("npm") and not runtime.FOLDER.exists(),
                       reason="neither npm nor onnxruntime-web: apt install npm")]
STATUS = "document.getElementById('status').textContent"
PROBLEMS = "document.getElementById('problems').innerText"
TOLERANCE_PX = 0.05


@contextlib.contextmanager
def served(contents):
    with serve.Server(contents) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """A net that is quick, as it always finds the same."""
    return mean_net(tmp_path_factory.mktemp("net") / "mean.onnx")


@pytest.fixture(scope="module")
def address(net):
    with served(build.contents(net)) as found:
        yield found


@pytest.fixture(scope="module")
def portrait():
    """A picture of one drawn face, uint8 array (480, 640, 3)."""
    return crowd(640, 480, [(320, 240, 60, 0)], seed=1)[0]


@contextlib.contextmanager
def opened(folder, *arguments):
    browser = Browser(folder / "profile", arguments)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory, portrait):
    """A browser whose camera shows the portrait."""
    folder = tmp_path_factory.mktemp("chromium")
    video = folder / "camera.y4m"
    planes = [np.asarray(plane.resize(size)) for plane, size in zip(
        Image.fromarray(portrait).convert("YCbCr").split(), ((640, 480), (320, 240), (320, 240)))]
    video.write_bytes(b"YUV4MPEG2 W640 H480 F20:1 C420jpeg\n" + 2 * (
        b"FRAME\n" + b"".join(plane.tobytes() for plane in planes)))
    with opened(folder, "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={video}") as browser:
        yield browser


@contextlib.contextmanager
def shown(chromium, address):
    """The page, ready; afterwards nothing has gone wrong, and no other server was asked."""
    chromium.faults.clear()
    chromium.requests.clear()
    chromium.open(address)
    chromium.wait(f"{STATUS} === 'Ready.'")
    yield chromium
    assert chromium.faults == []
    assert f"{address}models/keypoints.onnx" in chromium.requests
    assert [one for one in chromium.requests
            if not one.startswith((address, f"blob:{address}"))] == []


@pytest.fixture
def page(chromium, address):
    with shown(chromium, address) as found:
        yield found


@pytest.fixture
def page_with_our_net(chromium):
    with served(build.contents()) as address, shown(chromium, address) as found:
        yield found


def give(page, *paths):
    """Choose files and wait for what is said of them."""
    before = page.evaluate("document.querySelectorAll('article').length")
    page.give("#files", paths)
    page.wait(f"document.querySelectorAll('article').length + "
              f"document.querySelectorAll('#problems p').length >= {before + len(paths)} && "
              "!document.getElementById('status').classList.contains('busy')")


def saved(page, folder, query="#save-all"):
    """The rows of the CSV file that a button saves."""
    folder.mkdir(exist_ok=True)
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.evaluate(f"document.querySelector('{query}').click()")
    [path] = downloads(folder, ".csv")
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def downloads(folder, suffix):
    for _ in range(300):
        found = list(folder.glob(f"*{suffix}"))
        if found and not list(folder.glob("*.crdownload")):
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing was saved: {list(folder.iterdir())}")


def numbers(row, names):
    return np.array([float(row[name]) for name in names])


def photos(folder, portrait):
    """Photos that take every way through the detector, and every kind of picture."""
    people = [(150, 150, 50, 0), (420, 160, 44, 20), (660, 150, 30, -30), (280, 380, 18, 5)]
    left, right = np.array_split(portrait, 2, axis=1)
    pictures = {
        "people.png": Image.fromarray(crowd(800, 520, people, seed=3)[0]),
        "dark.png": Image.fromarray(crowd(400, 300, [(200, 150, 40, 12)], 5, 0.15)[0]),
        "lying.png": Image.fromarray(np.rot90(portrait).copy()),
        "close.png": Image.fromarray(portrait).crop((222, 130, 418, 345)),
        "tiny.png": Image.fromarray(portrait).resize((120, 90)),
        "large, with comma.png": Image.fromarray(portrait).resize((1360, 1020), Image.BICUBIC),
        "none.png": Image.new("RGB", (300, 200), (90, 120, 60)),
    }
    seethrough = Image.fromarray(portrait).convert("RGBA")
    seethrough.putalpha(Image.fromarray(np.hstack([np.full_like(left[..., 0], 255),
                                                   np.full_like(right[..., 0], 160)])))
    pictures["transparent.png"] = seethrough
    pictures["gray.png"] = Image.fromarray(portrait).convert("L")
    for name, picture in pictures.items():
        picture.save(folder / name)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be seen turned clockwise
    Image.fromarray(np.rot90(portrait).copy()).save(folder / "exif.jpg", quality=95, exif=exif)
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
    assert found >= 11 and {row["success"] for row in rows} == {"0", "1"}


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


def png(size, mode="1"):
    file = io.BytesIO()
    Image.new(mode, size, 1).save(file, "PNG")
    return file.getvalue()


def test_what_is_no_photo_is_named_and_the_others_are_shown(page, portrait, tmp_path):
    good = tmp_path / "good.png"
    Image.fromarray(portrait).save(good)
    width = 12000
    bad = {"empty.jpg": (b"", "is empty"), "text.jpg": (b"some text", "no picture"),
           "a.heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC photo"),
           "a.tif": (b"II*\0\x08\0\0\0", "is a TIFF picture"),
           "cut.png": (good.read_bytes()[:40], "is damaged"),
           "huge.png": (png((width, MAX_PIXELS // width + 1)), "has 120 megapixels")}
    paths = [good]
    for name, (content, _) in bad.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    give(page, *paths)
    lines = page.evaluate(PROBLEMS).split("\n\n")
    assert len(lines) == len(bad)
    for line, (name, (_, words)) in zip(lines, bad.items()):
        assert line.startswith(f"{name}: ") and words in line and line.count(". ") >= 1, line
    assert page.evaluate(STATUS) == f"good.png: 1 face. {len(bad)} files were left out."
    page.give("#files", [good])  # the next photo takes the old problems away
    page.wait(f"{PROBLEMS} === ''")


@pytest.mark.parametrize("size", [(1, 1), (20000, 10), (4, 3000)])
def test_a_photo_without_a_face_is_said_to_have_none(page, tmp_path, size):
    path = tmp_path / "odd.png"
    path.write_bytes(png(size))
    give(page, path)
    assert page.evaluate(STATUS) == "odd.png: no face."
    assert "There is no face" in page.evaluate("document.querySelector('figcaption').innerText")
    [row] = saved(page, tmp_path / "saved")
    assert (row["file"], row["success"]) == ("odd.png", "0")


def test_a_photo_of_many_pixels_is_looked_at_smaller(page, portrait, net, tmp_path):
    path = tmp_path / "large.jpg"
    Image.fromarray(portrait).resize((4640, 3480), Image.BICUBIC).save(path, quality=90)
    give(page, path)
    [row] = saved(page, tmp_path / "saved")
    [face] = Finder(net, threads=1)(load(path))
    eyes = np.hypot(*(face.keypoints[0] - face.keypoints[1]))
    points = numbers(row, CSV_COLUMNS[10:40]).reshape(-1, 2)
    assert np.hypot(*(points - face.keypoints).T).max() < 0.01 * eyes


def test_a_picture_to_save(page, portrait, net, tmp_path):
    Image.fromarray(portrait).save(tmp_path / "me.png")
    give(page, tmp_path / "me.png")
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.evaluate("document.querySelector('article .buttons button').click()")
    [path] = [one for one in downloads(tmp_path, "keypoints.png")]
    drawn = np.asarray(load(path)).astype(int)
    assert path.name == "me-keypoints.png" and drawn.shape == portrait.shape
    changed = np.abs(drawn - portrait).max(-1) > 30
    assert 100 < changed.sum() < 0.2 * changed.size
    red = (drawn[..., 0] > 220) & (drawn[..., 1] < 90)
    [face] = Finder(net, threads=1)(portrait)
    columns, rows = face.keypoints.astype(int).T
    assert red[rows, columns].all()


TRANSFER = """(async () => {
  const blob = await (await fetch("example.jpg")).blob();
  const given = new DataTransfer();
  given.items.add(new File([blob], "%s.jpg", {type: "image/jpeg"}));
  document.body.dispatchEvent(%s); })()"""


def test_photos_are_dropped_or_pasted(page):
    for n, event in enumerate(("DragEvent('drop', {dataTransfer", "ClipboardEvent('paste', "
                               "{clipboardData"), 1):
        page.evaluate(TRANSFER % (n, f"new {event}: given, bubbles: true, cancelable: true}})"))
        page.wait(f"/^{n}.jpg: \\d faces/.test({STATUS})")
        assert page.evaluate("document.querySelectorAll('article canvas').length") == n


def test_the_camera(page, address):
    page.call("Browser.setPermission", permission={"name": "camera"}, setting="granted",
              origin=address)
    page.evaluate("document.getElementById('camera').click()")
    page.wait("document.getElementById('points').getAttribute('aria-label').includes('1 face')")
    assert page.evaluate("document.activeElement.id") == "take"
    page.evaluate("document.getElementById('take').click()")
    page.wait(f"/^camera [-0-9]+: 1 face/.test({STATUS})")
    track = "window.track = document.getElementById('video').srcObject.getTracks()[0]; "
    page.evaluate(track + "document.getElementById('stop').click()")
    assert page.evaluate("track.readyState") == "ended"
    assert page.evaluate("document.getElementById('live').hidden")
    assert page.evaluate("document.querySelectorAll('article').length") == 1


def test_a_camera_that_may_not_be_used(page, address):
    page.call("Browser.setPermission", permission={"name": "camera"}, setting="denied",
              origin=address)
    page.evaluate("document.getElementById('camera').click()")
    page.wait(f"{PROBLEMS}.includes('may not be used')")
    page.evaluate("navigator.mediaDevices.getUserMedia = () => "
                  "Promise.reject(new DOMException('', 'NotFoundError'))")
    page.evaluate("document.getElementById('camera').click()")
    page.wait(f"{PROBLEMS} === 'There is no camera.'")
    assert page.evaluate("document.getElementById('live').hidden")


def test_keys_are_enough(page):
    order = []
    for _ in range(3):
        page.press("Tab", 9)
        order.append(page.evaluate("document.activeElement.id"))
    assert order == ["choose", "camera", "example"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press("Enter", 13)
    page.wait(f"/^example.*faces/.test({STATUS})")
    reached = []
    while page.evaluate("document.activeElement.tagName") != "SUMMARY":
        page.press("Tab", 9)
        reached.append(page.evaluate("document.activeElement.id"))
        assert len(reached) < 5, reached
    assert not page.evaluate("document.querySelector('details').open")
    page.press("Enter", 13)
    assert page.evaluate("document.querySelector('details').open")


def test_a_screen_reader_learns_everything(page, portrait, tmp_path):
    Image.fromarray(portrait).save(tmp_path / "me.png")
    give(page, tmp_path / "me.png")
    page.call("Accessibility.enable")
    nodes = [node for node in page.call("Accessibility.getFullAXTree")["nodes"]
             if not node["ignored"]]

    def named(role):
        return [node.get("name", {}).get("value", "") for node in nodes
                if node["role"]["value"] == role]
    assert named("RootWebArea") == ["Facial keypoints"]
    assert len(named("button")) >= 7 and all(named("button"))
    assert any("me.png with 1 face" in name for name in named("image")), named("image")
    assert named("rowheader") == [name.replace("_", " ") for name in KEYPOINTS]
    assert len(named("columnheader")) == 4 and all(named("table"))
    assert named("heading")[0] == "Facial keypoints" and "me.png" in named("heading")
    assert named("status") and named("alert")
    assert page.evaluate("document.documentElement.lang") == "en"


def test_it_fits_on_phones_and_screens(page, tmp_path):
    page.evaluate("document.getElementById('example').click()")
    page.wait(f"/^example.*faces/.test({STATUS})")
    page.evaluate("document.querySelector('details').open = true")
    for width, scheme in ((320, "light"), (400, "dark"), (1280, "light")):
        page.resize(width, 800, mobile=width < 500)
        page.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0, width
        small = page.evaluate("""[...document.querySelectorAll("button, summary")].filter(
            element => element.checkVisibility() && element.getBoundingClientRect().height < 40)
            .map(element => element.textContent)""")
        assert small == [], width  # a finger needs some 40 px
        page.screenshot(tmp_path / "page.png")
        with Image.open(tmp_path / "page.png") as shot:
            assert (np.asarray(shot.convert("L")).mean() < 110) == (scheme == "dark"), width


@pytest.mark.parametrize("spoil, words", [
    ("delete window.WebAssembly", "has no WebAssembly"),
    ("window.Worker = class { constructor() { setTimeout(() => "
     "this.onerror({message: 'no modules'})); } }", "cannot be loaded (no modules)"),
    ("const real = fetch; window.fetch = name => real(`x-${name}`)", "cannot be loaded")])
def test_a_browser_that_cannot_run_it_is_told_why(chromium, address, spoil, words):
    script = chromium.call("Page.addScriptToEvaluateOnNewDocument", source=spoil)["identifier"]
    try:
        chromium.open(address)
        assert words in chromium.wait(PROBLEMS)
        assert chromium.evaluate("document.getElementById('choose').disabled")
    finally:
        chromium.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_a_server_that_lacks_a_file_is_blamed(chromium):
    contents = build.contents()
    del contents["models/keypoints.onnx"]
    with served(contents) as address:
        chromium.open(address)
        assert "the server must send all of its files" in chromium.wait(PROBLEMS)


def test_its_size(tmp_path):
    assert 10e6 < build.build(tmp_path / "page") < 25e6
