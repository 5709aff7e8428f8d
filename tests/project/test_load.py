"""What a long training or a large file takes: memory, descriptors, threads (short version).

``make test-faults`` trains 200 epochs; docs/reliability.md has its figures.
"""
import json
import subprocess
import sys

import core_tools
import pytest
from faults import configurations, load

from facekp.runs.folder import Run
from facekp.training import handlers, one_run
from checkout import TESTS


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_twenty_epochs_leave_nothing_open(tmp_path, monkeypatch):
    """Not a descriptor nor a thread more than after the first five, and no memory to speak of."""
    samples = []
    monkeypatch.setattr(one_run, "build", core_tools.build_once)
    monkeypatch.setattr(handlers.EpochTable, "__call__",
                        lambda self, net, history: samples.append(load.used()))
    settings = core_tools.replace(core_tools.CLASSIC, epochs=20, optimizer="sgd")
    one_run.train(Run(tmp_path), settings, core_tools.training_data(20))
    early, late = samples[4], samples[19]
    assert (late["descriptors"], late["threads"]) == (early["descriptors"], early["threads"])
    assert late["rss_mib"] - early["rss_mib"] < 5  # a checkpoint's arrays: 7 MiB


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_kaggles_training_images_need_less_than_a_gigabyte(tmp_path, clean_env):
    """From the peaks with 40 and with 1200 images to that with Kaggle's 7049."""
    folder = configurations.write_data(tmp_path / "data")
    lines = (folder / "training.csv").read_text().splitlines()
    peaks = {}
    for repeated in (1, 30):
        (folder / "training.csv").write_text("\n".join(lines[:1] + repeated * lines[1:]) + "\n")
        done = subprocess.run(
            [sys.executable, "-m", "faults.load", "load", str(folder), str(tmp_path / "cache")],
            env={**clean_env, "PYTHONPATH": f"{TESTS.parent}:{TESTS}"}, check=True,
            stdout=subprocess.PIPE, universal_newlines=True)
        [found] = json.loads(done.stdout)
        assert found["images"] == 40 * repeated
        peaks[found["images"]] = found["peak_mib"]
    an_image = (peaks[1200] - peaks[40]) / 1160
    assert an_image > 9216 * 4 / 2**20  # the float32 array itself
    assert peaks[40] + 7009 * an_image < 1024
