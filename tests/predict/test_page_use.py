"""The page in headless Chromium: people can use it, whatever they give it."""
import io

import numpy as np
import pytest
from page_tools import NEEDED, PROBLEMS, STATUS, downloads, give, saved, served
from PIL import Image

from facekp.keypoints import KEYPOINTS
from facekp.predict import Finder
from facekp.predict.images import MAX_PIXELS, load
from facekp.predict.page import build

pytestmark = NEEDED


def png(size):
    file = io.BytesIO()
    Image.new("1", size, 1).save(file, "PNG")
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


def test_photos_of_the_same_name_are_told_apart(page, tmp_path):
    places = [tmp_path / name / "a.b.png" for name in ("one", "two", "three")]
    for path in places:
        path.parent.mkdir()
        path.write_bytes(png((9, 9)))
    give(page, *places)
    names = ["a.b.png", "a.b-2.png", "a.b-3.png"]
    assert [row["file"] for row in saved(page, tmp_path / "saved")] == names
    assert page.evaluate("[...document.querySelectorAll('h3')].map(one => one.innerText)") == names


STREAMS = """window.streams = [];
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (asked) => {
  streams.push(await real(asked));
  return streams[streams.length - 1]; };"""
ENDED = "streams.flatMap(one => one.getTracks()).map(one => one.readyState)"


def test_a_camera_that_was_asked_for_twice_is_stopped_at_once(page, address):
    page.call("Browser.setPermission", permission={"name": "camera"}, setting="granted",
              origin=address)
    page.evaluate(STREAMS + "for (const k of [1, 2]) document.getElementById('camera').click()")
    page.wait("document.getElementById('points').getAttribute('aria-label').includes('1 face')")
    page.evaluate("document.getElementById('stop').click()")
    assert page.evaluate(ENDED) == ["ended"]
    assert not page.evaluate("document.getElementById('camera').disabled")


def test_a_camera_that_cannot_be_shown_is_turned_off(page, address):
    page.call("Browser.setPermission", permission={"name": "camera"}, setting="granted",
              origin=address)
    page.evaluate(STREAMS + "HTMLVideoElement.prototype.play = () => "
                  "Promise.reject(new Error('no picture')); "
                  "document.getElementById('camera').click()")
    page.wait(f"{PROBLEMS}.includes('(no picture)')")
    assert page.evaluate(ENDED) == ["ended"]
    assert page.evaluate("document.activeElement.id") == "camera"


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


def test_what_cannot_be_looked_at_is_said(page, address):
    """A server that is gone, a browser without memory: the page works on, and waits for nothing."""
    page.evaluate("window.fetch = () => Promise.reject(new Error('no server'))")
    page.evaluate("document.getElementById('example').click()")
    page.wait(f"{PROBLEMS}.includes('(no server)')")
    page.call("Browser.setPermission", permission={"name": "camera"}, setting="granted",
              origin=address)
    page.evaluate("document.getElementById('camera').click()")
    page.wait("document.getElementById('points').getAttribute('aria-label').includes('1 face')")
    page.evaluate("window.ImageData = class { constructor() { throw new Error('no memory'); } }")
    page.evaluate("document.getElementById('take').click()")
    page.wait(f"{PROBLEMS}.includes('(no memory)')")
    assert page.evaluate(STATUS) == ""
    page.evaluate("document.getElementById('stop').click()")


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
