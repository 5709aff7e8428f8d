"""Shared by the tests of the page: served, shown in Chromium, and used."""
import contextlib
import csv
import io
import shutil
import threading
import time

import numpy as np
import pytest
from browser_tools import CHROMIUM

from facekp.predict.page import runtime, serve

NEEDED = [
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt install chromium"),
    pytest.mark.skipif(not shutil.which("npm") and not runtime.complete(),
                       reason="neither npm nor onnxruntime-web: apt install npm")]
"""Marks of tests that show the page."""

STATUS = "document.getElementById('status').textContent"
PROBLEMS = "document.getElementById('problems').innerText"


@contextlib.contextmanager
def served(contents):
    with serve.Server(contents) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.address
        server.shutdown()


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


def give(page, *paths):
    """Choose files and wait for what is said of them."""
    before = page.evaluate("document.querySelectorAll('article').length")
    page.give("#files", paths)
    page.wait(f"document.querySelectorAll('article').length + "
              f"document.querySelectorAll('#problems p').length >= {before + len(paths)} && "
              "!document.getElementById('status').classList.contains('busy')",
              seconds=120 * len(paths))


def saved(page, folder):
    """The rows of the CSV file that a button saves."""
    folder.mkdir(exist_ok=True)
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    page.evaluate("document.getElementById('save-all').click()")
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
