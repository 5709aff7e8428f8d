"""The benchmark's Theano worker: our net, with or without the fused kernels (FACEKP_FUSED)."""
import json
import sys
import time

import worker

start = time.perf_counter()
import facekp.engine.ready  # noqa: E402,F401
from facekp import fused  # noqa: E402
from facekp.engine import allocator  # noqa: E402
from facekp.nets.models import MODELS  # noqa: E402


class Engine:
    """A net of ours that trains on one batch, over and over."""

    def __init__(self, case, model, options):
        allocator.tune()
        self.X, self.y, weights = worker.load(case)
        self.net = MODELS[model](batch_size=len(self.X), **options)
        self.net.compile()
        self.ready = {"compile_seconds": time.perf_counter() - start, "fused": fused.enabled()}
        for name, parameter in self.net.weights().items():
            parameter.set_value(weights[name])
        self.start = {name: variable.get_value() for name, variable in self.net.state().items()}

    def restart(self):
        """Give the net and its optimizer back the state that they began with."""
        for name, variable in self.net.state().items():
            variable.set_value(self.start[name])

    def check(self):
        self.restart()
        return [self.evaluate()] + [self.train() for _ in range(3)]

    def train(self):
        return self.net.train_iter_(self.X, self.y)[0]

    def evaluate(self):
        return self.net.eval_iter_(self.X, self.y)[0]

    def predict(self):
        return self.net.predict_iter_(self.X[:1])[0]


if __name__ == "__main__":
    worker.serve(Engine(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
