"""The benchmark's PyTorch worker: the same nets, eager or compiled, NCHW or channels_last.

The variants ``cuda`` and ``cuda tf32`` compute on the GPU, which is given each batch anew.
"""
import json
import os
import sys
import time

import worker

start = time.perf_counter()
import torch  # noqa: E402
from torch import nn  # noqa: E402


class Sum(nn.Module):
    def forward(self, a, b):
        return a + b


class Average(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Join(nn.Module):
    def forward(self, x, skip):
        return torch.cat([nn.functional.interpolate(x, scale_factor=2), skip], 1)


class SoftArgmax(nn.Module):
    """Mean positions under the maps' softmax, in coordinates from -1 to 1 of `size` pixels."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        n, maps, cells, _ = x.shape
        centres = (torch.arange(cells, device=x.device) + 0.5) * 2 / cells - 1 - 1 / self.size
        shares = torch.softmax(x.flatten(2), 2).reshape(n, maps, cells, cells)
        places = [(shares.sum(axis) * centres).sum(2) for axis in (2, 3)]
        return torch.stack(places, 2).flatten(1)


class Network(nn.Module):
    """A PyTorch net from our layer list.

    Parameters
    ----------
    weights : dict of str -> float32 array, by our names
    spec : list of [kind, name, value, sources], as engines.py derives it from our net
    """

    def __init__(self, weights, spec):
        super().__init__()
        self.spec = spec
        self.read_later = {source for *_, sources in spec for source in sources}
        self.layers = nn.ModuleList()
        flat, before = False, None
        for kind, name, value, _ in spec:
            if kind == "conv":
                n_out, n_in, *size = weights[f"{name}.W"].shape
                padding, stride = value
                layer = nn.Conv2d(n_in, n_out, size, stride, padding, bias=f"{name}.b" in weights)
            elif kind == "dense":
                layer = nn.Linear(*weights[f"{name}.W"].shape, bias=f"{name}.b" in weights)
            elif kind == "batch_norm":
                norm = nn.BatchNorm1d if flat else nn.BatchNorm2d
                layer = norm(len(weights[f"{name}.gamma"]), eps=value, momentum=0.1)
            elif kind == "relu":  # in place where that is safe, as torchvision's nets have it
                layer = nn.ReLU(inplace=before in ("batch_norm", "sum"))
            else:
                layer = {"tanh": nn.Tanh, "pool": lambda: nn.MaxPool2d(2), "sum": Sum,
                         "average": Average, "dropout": lambda: nn.Dropout(value), "join": Join,
                         "soft_argmax": lambda: SoftArgmax(value)}[kind]()
            flat, before = flat or kind in ("dense", "average"), kind
            self.layers.append(layer)

    def forward(self, x):
        outputs = {}
        for layer, (kind, name, _, sources) in zip(self.layers, self.spec):
            inputs = [outputs[source] for source in sources] or [x]
            x = layer(*(a.flatten(1) for a in inputs)) if kind == "dense" else layer(*inputs)
            if name in self.read_later:
                outputs[name] = x
        return x


def load_weights(net, weights, spec):
    """Put the net where all engines start; convolutions flip their filters, as Theano's do."""
    for layer, (kind, name, *_) in zip(net.layers, spec):
        if kind == "conv":
            fill(layer.weight, weights[f"{name}.W"][:, :, ::-1, ::-1])
        elif kind == "dense":
            fill(layer.weight, weights[f"{name}.W"].T)
        elif kind == "batch_norm":
            layer.reset_running_stats()
            fill(layer.weight, weights[f"{name}.gamma"])
            fill(layer.bias, weights[f"{name}.beta"])
        if f"{name}.b" in weights and kind in ("conv", "dense"):
            fill(layer.bias, weights[f"{name}.b"])


def fill(parameter, values):
    with torch.no_grad():
        parameter.copy_(torch.from_numpy(values.copy()))


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
    """A PyTorch net that trains on one batch, over and over.

    The optimizers are the fused ones, which pass over each parameter once: PyTorch's fastest.
    Only for Adagrad on CUDA there is none.
    """

    def __init__(self, case, spec, optimizer, learning_rate, variant):
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
        torch.manual_seed(0)
        X, y, self.weights = worker.load(case)
        self.spec = spec
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)
        self.net = Network(self.weights, spec)
        if variant == "channels_last":
            self.net = self.net.to(memory_format=torch.channels_last)
            self.X = self.X.contiguous(memory_format=torch.channels_last)
        self.device = "cuda" if variant.startswith("cuda") else "cpu"
        self.net = self.net.to(self.device)
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = "tf32" in variant
        load_weights(self.net, self.weights, spec)
        self.forward = torch.compile(self.net) if variant == "compile" else self.net
        params = list(self.net.parameters())
        kinds = {"adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}
        fused = optimizer == "adam" or self.device == "cpu"  # CUDA has no fused Adagrad
        self.optimizer = kinds[optimizer](params, lr=learning_rate, fused=fused)
        self.exact = Adagrad if optimizer == "adagrad" else None
        self.train(), self.evaluate()
        self.ready = {"compile_seconds": time.perf_counter() - start, "torch": torch.__version__,
                      "cudnn": torch.backends.cudnn.version()}

    def check(self):
        load_weights(self.net, self.weights, self.spec)
        timed = self.optimizer
        if self.exact:
            self.optimizer = self.exact(list(self.net.parameters()))
        else:
            self.optimizer.state.clear()
        losses = [self.evaluate()] + [self.train() for _ in range(3)]
        self.optimizer = timed
        return losses

    def train(self):
        self.net.train()
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())

    def evaluate(self):
        self.net.eval()
        with torch.no_grad():
            return float(self.loss())

    def loss(self):
        X, y = self.X.to(self.device), self.y.to(self.device)
        return ((self.forward(X) - y) ** 2).mean()

    def predict(self):
        self.net.eval()
        with torch.no_grad():
            return self.forward(self.X[:1].to(self.device)).cpu().numpy()

    def peak_bytes(self):
        """The most memory that was held, of the GPU or of the process."""
        gpu = self.device == "cuda"
        return torch.cuda.max_memory_allocated() if gpu else worker.peak_bytes()


if __name__ == "__main__":
    worker.serve(Engine(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], float(sys.argv[4]),
                        sys.argv[5]))
