"""What the tests share: a net; those of the page: a server, and a browser with a camera."""
import numpy as np
import pytest
from browser_tools import Browser
from page_tools import served, shown
from PIL import Image
from predict_tools import mean_net
from scene_tools import crowd

from facekp.predict.page import build


@pytest.fixture(scope="session")
def net(tmp_path_factory):
    """A net that is quick, as it always finds the same."""
    return mean_net(tmp_path_factory.mktemp("net") / "mean.onnx")


@pytest.fixture(scope="session")
def address(net):
    with served(build.contents(net)) as found:
        yield found


@pytest.fixture(scope="session")
def portrait():
    """A picture of one drawn face, uint8 array (480, 640, 3)."""
    return crowd(640, 480, [(320, 240, 60, 0)], seed=1)[0]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory, portrait):
    """A browser whose camera shows the portrait."""
    folder = tmp_path_factory.mktemp("chromium")
    video = folder / "camera.y4m"
    planes = [np.asarray(plane.resize(size)) for plane, size in zip(
        Image.fromarray(portrait).convert("YCbCr").split(), ((640, 480), (320, 240), (320, 240)))]
    video.write_bytes(b"YUV4MPEG2 W640 H480 F20:1 C420jpeg\n" + 2 * (
        b"FRAME\n" + b"".join(plane.tobytes() for plane in planes)))
    browser = Browser(folder / "profile", ["--use-fake-device-for-media-stream",
                                           f"--use-file-for-fake-video-capture={video}"])
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture
def page(chromium, address):
    with shown(chromium, address) as found:
        yield found
