"""The version of what a run computes: a number that a person raises when results change.

A run goes on only where it would compute the same: config.json holds the version that the run was
begun with, and :meth:`facekp.runs.folder.Run.begin` compares it. A complete run of any version can
be read.

Raise it if the same settings, data and libraries give another bit in history.csv, weights.npz,
predictions.npz or submission.csv than before, on any processor: not for moved files, comments,
plots, reports, or something new beside the old. Add one to :data:`TRAINING_VERSION`, say below in
one line what changed, and write the golden values anew, on a processor with AVX-512::

    python tests/training/golden.py --write

tests/training/test_golden.py, which compares a few steps of each net with them, cannot see
everything: if in doubt, raise the version. It costs those who have an unfinished run its beginning.

====  ============================================================================================
1     5x5 convolutions by Winograd's F(2x2, 5x5)
2     5x5 convolutions by Winograd's F(4x4, 5x5); a net that has stood still for 20 epochs is
      stopped
3     running averages are folded into the weights by numpy; dense layers of single images
4     the training loss without dropout is that of images spread over the training set
5     F(3x3, 3x3) in layers of 6x6 pixels and 128 and more channels, VGGNet's and ResNet's last;
      larger pieces in layers of 256 channels
6     convolutions with stride 2, ResNet's, sum in another order, the same for any number of threads
7     gradients of layers with 2x2 max pooling are direct sums over the outputs that it passed on
8     the U-Net's exponentials and logarithms are polynomials
====  ============================================================================================
"""
TRAINING_VERSION = 8

CODE_DIGESTS = {
    "b0674aefe8db79534601a07b868e2f91206a79e32281a77f7ce2df0a23d710d5": 1,
    "ea6339939aa1341bd32ec80aed15c9926906cd669b0918913aac7cf789a2d598": 2,
    "14169e17365869651759bedf0561f8cf6f2a66609717bfe25bb51b9b46cfa5b2": 3,
    "5db820867e387e3513e939531dabeab4d61755c214523dd12c0c2893208d6981": 4,
}
"""Runs that were begun before there were versions hold a sha256 of source files in its place
(``code`` in config.json): the version of those that are known."""


def version_of(config):
    """The version (int) of what a run with this config.json computes; of a run of code that nobody
    has given a number a str that is equal only to itself."""
    if config.get("training_version") is not None:
        return config["training_version"]
    digest = config.get("code")
    return CODE_DIGESTS.get(digest, f"unknown (code {str(digest)[:12]})")
