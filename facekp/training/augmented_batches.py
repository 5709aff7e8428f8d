"""Training batches whose images are transformed, differently in each epoch."""
import facekp.engine.ready  # noqa: F401  (readies nolearn)

import numpy as np

from facekp.augmentation import Augmentation
from facekp.data import schemes
from facekp.data.transforms import draw, kernel_input, move_keypoints, resample
from facekp.fused import resample_ops
from facekp.keypoints import COLUMNS, scale, unscale
from facekp.nets.losses import masked_squared_error
from facekp.nets.net import ShuffledBatches


class AugmentedBatches(ShuffledBatches):
    """Shuffled batches of transformed images.

    The transform of an image depends only on the seed, the epoch and its index in `X`, not on the
    batch size or the number of threads. As with :class:`ShuffledBatches`, a run that is resumed at
    epoch k sees the same images as an uninterrupted run. The caller's arrays are not changed.

    Parameters
    ----------
    batch_size : int
    seed : int
    augmentation : facekp.augmentation.Augmentation
    fused : bool
        False: use numpy instead of the compiled kernel.
    """

    def __init__(self, batch_size, seed, augmentation, fused=True):
        super().__init__(batch_size, seed)
        self.augmentation = augmentation
        self.fused = fused

    def __call__(self, X, y=None):
        batches = super().__call__(X, y)  # a new epoch begins
        if y is None:  # a prediction: the images as they are
            return batches
        changes = draw(self.augmentation, self.seed, self.epoch, np.arange(len(X)))
        self.given = kernel_input(changes)
        y_px, second = unscale(y.astype(float)), None
        if y.shape[1] > len(COLUMNS):
            y_px, second = schemes.joined(y_px)
        y_px = move_keypoints(y_px, changes.maps)
        if second is not None:
            y_px = schemes.apart(y_px, second)
        self.y_new = scale(y_px).astype(y.dtype)
        return batches

    def __iter__(self):
        if self.y is None:
            yield from super().__iter__()
            return
        pixels = resample_ops.resample if self.fused else resample
        for start in range(0, len(self.order), self.batch_size):
            rows = self.order[start:start + self.batch_size]
            yield self.transform(pixels(self.X, rows, self.given.of(rows)), self.y_new[rows])


def use(net, settings):
    """Let a net train on images that are transformed as the settings say.

    If the images are the same in every epoch (mirror images included), the net is not changed. If
    keypoints can move out of the image, or are not all labelled, the loss becomes the mean over
    those that are there.

    Parameters
    ----------
    net : facekp.nets.net.KeypointNet, not initialized
    settings : facekp.settings.Settings
    """
    augmentation = Augmentation.parse(settings.augment)
    if augmentation.is_random:
        net.batch_iterator_train = AugmentedBatches(settings.batch_size, settings.seed,
                                                    augmentation, net.fused)
    if augmentation.moves_points or settings.labels == "all" or settings.points:
        net.objective_loss_function = masked_squared_error
