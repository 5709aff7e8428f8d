"""The wheel with numpy, onnxruntime and Pillow alone finds keypoints on old and new Pythons."""
import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packaging_tools import build_wheel
from PIL import Image
from scene_tools import crowd

from checkout import ROOT
from facekp.keypoints import KEYPOINTS


def interpreter(version):
    """An interpreter of a version, like "3.13"; None if this machine has none."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    for candidate in [shutil.which(f"python{version}"), *map(str, pyenv)]:
        # a pyenv shim may exist and not run
        if candidate and subprocess.run([candidate, "-c", "import venv"],
                                        stderr=subprocess.DEVNULL).returncode == 0:
            return candidate
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_the_wheel_alone_finds_keypoints(version, wheel, tmp_path, clean_env):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"this machine has no Python {version}")

    def run(*words):
        done = subprocess.run([str(word) for word in words], cwd=str(tmp_path), env=clean_env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    run(python, "-m", "venv", "--without-pip", "env")
    own = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", own]  # to install a pip takes four seconds
    install = [*pip, "install", "--quiet", "--no-compile"]
    run(*install, "--require-hashes", "-r", ROOT / "requirements" / "predict.txt")
    run(*install, "--no-deps", wheel)
    run(*pip, "check")
    picture, points = crowd(640, 480, [(320, 240, 60, 0)], seed=1)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    run(own, "-m", "facekp.cli", "predict", "photo.png", "-o", "found", "--fast")
    with open(tmp_path / "found" / "keypoints.csv", newline="") as file:
        [row] = csv.DictReader(file)
    found = np.array([[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in KEYPOINTS])
    eyes = np.hypot(*(points[0, 0] - points[0, 1]))
    assert np.hypot(*(found - points[0]).T).max() < eyes  # on the face
    # what trains says what it needs, instead of a traceback
    done = subprocess.run([str(own), "-m", "facekp.cli", "export", "somewhere"], cwd=str(tmp_path),
                          env=clean_env, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "is not installed" in done.stderr
