"""What augmentation costs: all transforms on, beside the epoch of a net on the same machine.

    python benchmarks/augmentation.py [--nets cnn14 lenet5] [--threads 2]

In one process, training steps and augmented batches take turns, so that both meet the same
machine. The cost is what the augmented batches take beyond the plain ones that training would have
otherwise; an epoch is that of 1712 training and 428 validation images.
"""
import argparse
import os
import statistics
import subprocess
import sys

import engines
import results
import worker

N_TRAIN, N_VALID = 1712, 428
ROUNDS = 15
WORDS = ("mirror=0.5", "rotate=12", "scale=0.12", "shift=5", "crop=0.1", "brightness=0.15",
         "contrast=0.3", "noise=0.02", "blur=0.7")


def measure(name):
    """Seconds of an epoch of a net and of its batches, plain and augmented, in this process."""
    import numpy as np

    from facekp.augmentation import Augmentation
    from facekp.engine import allocator
    from facekp.nets.models import build
    from facekp.nets.net import ShuffledBatches
    from facekp.settings import Settings
    from facekp.training.augmented_batches import AugmentedBatches
    allocator.tune()
    case = engines.CASES[name]
    net = build(Settings(case.model, case.options, case.optimizer, case.learning_rate,
                         batch_size=case.batch))
    net.compile()
    random = np.random.RandomState(0)
    X = random.rand(N_TRAIN, 1, 96, 96).astype(np.float32)
    y = random.uniform(-0.3, 0.3, (N_TRAIN, 30)).astype(np.float32)
    parts = {
        "train": lambda: net.train_iter_(X[:case.batch], y[:case.batch]),
        "evaluate": lambda: net.eval_iter_(X[:case.batch], y[:case.batch]),
        "plain": lambda: exhaust(ShuffledBatches(case.batch)(X, y)),
        "augmented": lambda: exhaust(AugmentedBatches(
            case.batch, 0, Augmentation.parse(WORDS))(X, y)),
    }
    seconds = {part: [] for part in parts}
    for _ in range(ROUNDS):
        for part, step in parts.items():
            seconds[part] += worker.seconds(step, 1)
    median = {part: statistics.median(times) for part, times in seconds.items()}
    epoch = (median["train"] * N_TRAIN + median["evaluate"] * N_VALID) / case.batch
    cost = median["augmented"] - median["plain"]
    return {"net": name, "threads": int(os.environ["OMP_NUM_THREADS"]), "epoch_seconds": epoch,
            "plain_seconds": median["plain"], "augmented_seconds": median["augmented"],
            "share_of_epoch": cost / (epoch + median["plain"])}


def exhaust(batches):
    for _ in batches:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", nargs="+", choices=list(engines.CASES),
                        default=["cnn14", "lenet5"])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", default=results.FOLDER)
    parser.add_argument("--net", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.net:
        worker.answer(measure(options.net))
        return
    for name in options.nets:
        done = subprocess.run([sys.executable, __file__, "--net", name], check=True,
                              stdout=subprocess.PIPE, universal_newlines=True,
                              env=engines.environment(options.threads, FACEKP_FUSED="1"))
        row = results.last_json(done.stdout)
        print(row, file=sys.stderr, flush=True)
        results.merge(options.out, "augmentation", [row], ("net", "threads"))


if __name__ == "__main__":
    main()
