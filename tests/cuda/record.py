"""Collect the source of every GPU kernel of some nets: ``python -m cuda.record NET...``.

Training, validation and prediction run once on a driver, an NVRTC and a cuBLAS that need no GPU and
compute nothing; FACEKP_CUDA and STANDIN_FOLDER are set.
"""
import sys

import numpy as np

import facekp.engine.ready  # noqa: F401  (readies Theano)
from facekp.nets.models import MODELS

NETS = {"lenet5": ("lenet5", {}), "lenet5, batch norm": ("lenet5", {"batch_norm": True}),
        "cnn14": ("cnn14", {}), "vggnet": ("vggnet", {"dropout": True}),
        "small_vgg": ("small_vgg", {}), "resnet": ("resnet", {}),
        "unet": ("unet", {})}


def run(model, options, images=16):
    """Call each function of a net once."""
    X = np.zeros((images, 1, 96, 96), np.float32)
    y = np.zeros((images, 30), np.float32)
    net = MODELS[model](batch_size=images, **options)
    net.initialize()
    net.train_iter_(X, y)
    net.eval_iter_(X, y)
    net.predict_iter_(X)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(*NETS[name])
