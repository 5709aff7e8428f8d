"""The GPU benchmark's Theano worker: it also tells how a step changes the weights, and memory."""
import json
import sys

import numpy as np

import theano_worker
import worker


class Engine(theano_worker.Engine):
    """A net of ours on the device that FACEKP_DEVICE names.

    Parameters
    ----------
    case, model, options
        As theano_worker's.
    changes : str
        A file for how the first step of ``check`` changes each weight.
    """

    def __init__(self, case, model, options, changes):
        super().__init__(case, model, options)
        self.changes, (_, _, self.given) = changes, worker.load(case)

    def check(self):
        """The loss before training, in the first step and in the second.

        The changes are those of the first step: in later steps the differences of rounding would
        grow, by much for some nets, and say nothing about the gradients.
        """
        self.restart()
        losses = [self.evaluate(), self.train()]
        np.savez(self.changes, **{name: parameter.get_value() - self.given[name]
                                  for name, parameter in self.net.weights().items()})
        return losses + [self.train()]

    def peak_bytes(self):
        """Memory of the device that is taken; other programs on it count too."""
        from theano import config
        from theano.gpuarray.type import get_context

        if config.device == "cpu":
            return worker.peak_bytes()
        context = get_context(None)
        return context.total_gmem - context.free_gmem


if __name__ == "__main__":
    worker.serve(Engine(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.argv[4]))
