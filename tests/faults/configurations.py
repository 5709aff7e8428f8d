"""What is trained while faults strike: real nets on few images, and where their files are."""
import functools
from dataclasses import replace
from pathlib import Path

import core_tools
import numpy as np

from facekp.experiment import Experiment
from facekp.keypoints import COLUMNS
from facekp.nets.optimizers import OPTIMIZERS
from facekp.settings import Settings

EPOCHS = 6
# 200 dense units instead of 500 make a checkpoint 40 MB instead of 97.
_CNN14 = Settings("cnn14", {"num_dense_units": 200}, epochs=EPOCHS, batch_size=16)
_LENET5 = Settings("lenet5", {"batch_norm": True}, epochs=EPOCHS, batch_size=16,
                   augment=("mirror",))

_RESNET = Settings("resnet", epochs=EPOCHS, batch_size=16,
                   augment=("mirror=0.5", "rotate=12", "brightness=0.2"))

_SMALL_VGG = Settings("small_vgg", {"width": 16, "num_dense_units": 64}, epochs=EPOCHS,
                      batch_size=16, augment=("mirror=0.5", "shift=10", "noise=0.02"),
                      schedule=("warm-up=1", "cosine"), average=0.9)

KILLED = {f"{name}, {optimizer}": replace(settings, optimizer=optimizer)
          for name, settings in (("cnn14 with dropout", _CNN14),
                                 ("lenet5 with batch normalization, mirror images", _LENET5))
          for optimizer in OPTIMIZERS}
KILLED["resnet, augmentation, adam"] = _RESNET
KILLED["small VGG, augmentation, schedule, averaged weights, adam"] = _SMALL_VGG
"""Trained by the processes that are killed."""

LOADED = {
    "lenet5": Settings("lenet5", epochs=200, batch_size=16),
    "lenet5 with batch normalization, mirror images": replace(_LENET5, epochs=200),
    "cnn14": Settings("cnn14", optimizer="adagrad", learning_rate=0.01, epochs=200, batch_size=16),
    "resnet, augmentation": replace(_RESNET, epochs=200),
    "small VGG, augmentation, averaged weights": replace(_SMALL_VGG, epochs=200),
    "vggnet, 64 dense units": Settings("vggnet", {"num_dense_units": 64}, learning_rate=0.0001,
                                       epochs=200, batch_size=16),
}
"""Trained for 200 epochs while memory, files and threads are counted."""


STOPPED = {
    "lenet5 with batch normalization, mirror images": Settings(
        "lenet5", {"batch_norm": True}, augment=("mirror",)),
    "cnn14 with dropout": Settings("cnn14", optimizer="adagrad", learning_rate=0.01),
    "vggnet": Settings("vggnet", learning_rate=0.0001, batch_size=32),
    "resnet, augmentation": Settings("resnet", batch_size=64, augment=_RESNET.augment),
    "small VGG, augmentation": Settings("small_vgg", augment=_SMALL_VGG.augment),
}
"""Nets and batches of full size: told to stop by SIGTERM."""


def experiment(name):
    """The experiment that trains a configuration, by a name like ``LOADED/cnn14``."""
    return Experiment("faults", {"": _settings(name)})


def run_folder(name, out):
    """The run folder that it leaves below `out`."""
    return Path(out, "faults", _settings(name).model, "fold0")


def _settings(name):
    group, name = name.split("/")
    return {"KILLED": KILLED, "LOADED": LOADED, "STOPPED": STOPPED}[group][name]


def write_data(folder, n_train=40, n_test=6):
    """Write spots for faces (:func:`core_tools.faces`) in Kaggle's format.

    Parameters
    ----------
    folder : Path, made if it is not there
    n_train, n_test : int

    Returns
    -------
    Path, the folder
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _tables(n_train, n_test).items():
        (folder / name).write_text(text)
    return folder


@functools.lru_cache(maxsize=4)
def _tables(n_train, n_test):
    """The files' texts by name."""
    tables = {"training.csv": [",".join(COLUMNS + ("Image",))], "test.csv": ["ImageId,Image"],
              "IdLookupTable.csv": ["RowId,ImageId,FeatureName,Location"],
              "label.txt": ["synthetic faces of the tests"]}
    for name, n, seed in (("training.csv", n_train, 0), ("test.csv", n_test, 1)):
        X, y_px = core_tools.faces(n, seed)
        pixels = np.rint(X * 255).astype(int).reshape(n, -1).tolist()
        for number, (image, y) in enumerate(zip(pixels, y_px.tolist()), 1):
            begin = [f"{v:.3f}" for v in y] if name == "training.csv" else [str(number)]
            tables[name].append(",".join(begin + [" ".join(map(str, image))]))
    for row in range(2 * n_test):
        tables["IdLookupTable.csv"].append(
            f"{row + 1},{row // 2 + 1},{COLUMNS[0 if row % 2 else -1]},")
    return {name: "\n".join(lines) + "\n" for name, lines in tables.items()}
