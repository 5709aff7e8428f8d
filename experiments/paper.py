"""Everything that the paper ran, in an order that shows early what is wrong: cheap ones first.

With --quick: few epochs of one fold each, to check an installation.
"""
from cnn14 import CNN14
from dropout_ablation import DROPOUT_ABLATION
from lenet import LENET
from lenet_augmented import LENET_AUGMENTED
from optimizer_study import OPTIMIZER_STUDY
from vggnet import VGGNET

from facekp.experiment.paper import main

if __name__ == "__main__":
    raise SystemExit(main((LENET, LENET_AUGMENTED, VGGNET, DROPOUT_ABLATION, OPTIMIZER_STUDY,
                           CNN14)))
