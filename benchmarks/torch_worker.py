"""The benchmark's PyTorch worker: the same nets, eager or compiled, NCHW or channels_last."""
import json
import os
import sys
import time

import worker

start = time.perf_counter()
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402


def network(weights, spec):
    """A PyTorch net from our layer list; convolutions flip their filters, as Theano's do.

    Parameters
    ----------
    weights : dict of str -> float32 array, by our names
    spec : list of [kind, name, value], as run.py derives it from our net
    """
    layers = []
    for kind, name, value in spec:
        if kind == "conv":
            W = weights[f"{name}.W"][:, :, ::-1, ::-1].copy()
            layer = nn.Conv2d(W.shape[1], W.shape[0], W.shape[2:], padding=value,
                              bias=f"{name}.b" in weights)
            fill(layer.weight, W)
        elif kind == "dense":
            W = weights[f"{name}.W"].T.copy()
            if not any(isinstance(below, nn.Flatten) for below in layers):
                layers.append(nn.Flatten())
            layer = nn.Linear(W.shape[1], W.shape[0], bias=f"{name}.b" in weights)
            fill(layer.weight, W)
        elif kind == "batch_norm":
            norm = nn.BatchNorm1d if any(isinstance(b, nn.Flatten) for b in layers) \
                else nn.BatchNorm2d
            layer = norm(len(weights[f"{name}.gamma"]), eps=value, momentum=0.1)
        else:
            layer = {"relu": nn.ReLU, "tanh": nn.Tanh, "pool": lambda: nn.MaxPool2d(2),
                     "dropout": lambda: nn.Dropout(value)}[kind]()
        if f"{name}.b" in weights and kind in ("conv", "dense"):
            fill(layer.bias, weights[f"{name}.b"])
        layers.append(layer)
    return nn.Sequential(*layers)


def fill(parameter, values):
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(values)))


class Adagrad(torch.optim.Optimizer):
    """Lasagne's formula, epsilon inside of the root; for the comparison of losses only."""

    def __init__(self, params):
        super().__init__(params, {})
        self.accumulators = [torch.zeros_like(p) for p in self.param_groups[0]["params"]]

    @torch.no_grad()
    def step(self):
        for p, a in zip(self.param_groups[0]["params"], self.accumulators):
            a += p.grad ** 2
            p -= 0.01 * p.grad / torch.sqrt(a + 1e-6)


class Engine:
    """A PyTorch net that trains on one batch, over and over."""

    def __init__(self, case, spec, optimizer, variant):
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        X, self.y, self.weights = worker.load(case)
        self.spec, self.optimizer_name, self.variant = spec, optimizer, variant
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(self.y)
        self.build()
        self.train(), self.evaluate()
        self.ready = {"compile_seconds": time.perf_counter() - start,
                      "torch": torch.__version__}

    def build(self, exact=False):
        torch.manual_seed(0)
        self.net = network(self.weights, self.spec)
        if self.variant == "channels_last":
            self.net = self.net.to(memory_format=torch.channels_last)
            self.X = self.X.contiguous(memory_format=torch.channels_last)
        params = list(self.net.parameters())
        if self.optimizer_name == "adagrad":
            self.optimizer = Adagrad(params) if exact else torch.optim.Adagrad(params, lr=0.01)
        else:
            rate = 0.001 if self.optimizer_name == "adam" else 0.0001
            self.optimizer = torch.optim.Adam(params, lr=rate)
        self.forward = torch.compile(self.net) if self.variant == "compile" else self.net

    def check(self):
        timed = self.net, self.optimizer, self.forward
        self.build(exact=True)
        self.forward = self.net
        losses = [self.evaluate()] + [self.train() for _ in range(3)]
        self.net, self.optimizer, self.forward = timed
        return losses

    def train(self):
        self.net.train()
        self.optimizer.zero_grad()
        loss = ((self.forward(self.X) - self.y) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        return float(loss)

    def evaluate(self):
        self.net.eval()
        with torch.no_grad():
            return float(((self.forward(self.X) - self.y) ** 2).mean())


if __name__ == "__main__":
    worker.serve(Engine(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], sys.argv[4]))
