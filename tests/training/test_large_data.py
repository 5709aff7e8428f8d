"""Data that do not fit into memory: trained from files, to the same bits."""
import numpy as np
import pytest
from core_tools import quick_training

from facekp import data, mapped
from facekp.data import synthetic
from facekp.runs.folder import Run
from facekp.settings import Settings
from facekp.training import one_run

SETTINGS = Settings("lenet5", {"variant": "classic"}, epochs=2, batch_size=16, split="grouped",
                    augment=("mirror",))


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return synthetic.write(tmp_path_factory.mktemp("data") / "faces", n_train=40, n_test=8)


def trained(folder, run, cache):
    training = data.load_training(folder, complete_only=True, cache_dir=cache)
    one_run.train(run, SETTINGS, training, *data.load_unlabelled(folder, cache))
    return training


@pytest.mark.parametrize("again", [False, True], ids=["from the CSV", "from the cache"])
def test_a_training_from_files_gives_the_same_bits(again, folder, tmp_path, monkeypatch):
    in_memory, from_files = Run(tmp_path / "memory"), Run(tmp_path / "files")
    usual = trained(folder, in_memory, tmp_path / "cache")
    monkeypatch.setattr(mapped, "available_memory", lambda: 0)
    monkeypatch.setattr(mapped, "SMALL", 0)
    large = trained(folder, from_files, tmp_path / "cache" if again else tmp_path / "other")
    assert isinstance(large.X, np.memmap) and not isinstance(usual.X, np.memmap)
    for name in ("weights.npz", "predictions.npz", "submission.csv"):
        assert (from_files.folder / name).read_bytes() == (in_memory.folder / name).read_bytes()
