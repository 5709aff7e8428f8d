"""Training: from settings and data to a complete run folder.

    from facekp.training import train, load_net

:func:`train` trains a net and writes its run folder, :func:`load_net` reads the trained net back;
``load_net(folder).predict_px(X)`` finds keypoints.
"""
from facekp.training.interruption import Interrupted
from facekp.training.load import load_conv_net, load_net
from facekp.training.one_run import describe, train

__all__ = ["Interrupted", "describe", "load_conv_net", "load_net", "train"]
