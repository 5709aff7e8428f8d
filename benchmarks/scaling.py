"""How cost grows: time of an epoch and memory against the number of images and threads.

    python benchmarks/scaling.py [--images 500 2000 8000 20000 50000]

Each point is a process of its own that trains the 14-layer CNN on random images by the way of every
experiment: the split, shuffled batches, validation, the training loss without dropout, a checkpoint
on disk after each epoch. Beside that it says which part of an epoch the batches, the mirror images
and the checkpoint take. At last several of them train at a time, on shares of the cores, as with
JOBS=.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import engines
import results
import worker

IMAGES = (500, 2000, 8000, 20000, 50000)
JOB_IMAGES = 8000  # of each run of several at a time
EPOCH_IMAGES = 8000  # a point trains several epochs, until it has seen so many images, or one


class Stopwatch:
    """Seconds spent inside of a callable."""

    def __init__(self, function):
        self.function, self.seconds = function, 0.0

    def __call__(self, *args):
        start = time.perf_counter()
        try:
            return self.function(*args)
        finally:
            self.seconds += time.perf_counter() - start


def measure(n):
    """Train on `n` images; seconds an epoch, its parts, and memory."""
    import numpy as np

    from facekp import keypoints
    from facekp.data import mirror as augment
    from facekp.engine import allocator
    from facekp.training import checkpoint, one_run
    from facekp.runs.folder import Run
    from facekp.settings import Settings
    allocator.tune()
    epochs = max(1, EPOCH_IMAGES // n)
    settings = Settings("cnn14", optimizer="adagrad", learning_rate=0.01, epochs=epochs)
    net = one_run.build(settings)
    net.compile()
    compiled_bytes = worker.peak_bytes()
    rng = np.random.RandomState(0)
    X = rng.randint(0, 256, (n, 1, keypoints.SIZE, keypoints.SIZE), np.uint8)
    X = np.divide(X, 255, dtype=np.float32)
    y = rng.uniform(20, 76, (n, 30)).astype(np.float32)
    data = one_run.split(X, y, settings)
    stopwatch = Stopwatch(checkpoint.Checkpoint.__call__)
    checkpoint.Checkpoint.__call__ = lambda self, net, history: stopwatch(self, net, history)
    net.train_iter_(data.X_train[:128], keypoints.scale(data.y_train[:128]))
    net.eval_iter_(data.X_valid[:128], keypoints.scale(data.y_valid[:128]))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder)
        start = time.perf_counter()
        one_run.fit(net, data, run, settings, lambda text: None)
        epoch = (time.perf_counter() - start) / epochs
        on_disk = sum(path.stat().st_size for path in Path(folder).glob("checkpoint"))
    peak = worker.peak_bytes()
    start = time.perf_counter()
    for _ in net.batch_iterator_train(data.X_train, data.y_train):
        pass
    batches = time.perf_counter() - start
    start = time.perf_counter()
    augment.with_mirror_images(data.X_train, data.y_train)
    return {"images": n, "threads": int(os.environ["OMP_NUM_THREADS"]), "epochs": epochs,
            "epoch_seconds": epoch, "batches_seconds": batches,
            "mirror_seconds_once": time.perf_counter() - start,
            "checkpoint_seconds": stopwatch.seconds / epochs, "checkpoint_bytes": on_disk,
            "peak_bytes": peak, "compiled_bytes": compiled_bytes, "image_bytes": X.nbytes}


def start(n, threads):
    """A process that measures a point."""
    return subprocess.Popen(
        [sys.executable, __file__, "--point", str(n)], stdout=subprocess.PIPE,
        universal_newlines=True, env=engines.environment(threads))


def finish(process):
    """What it has measured."""
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a process that trains ended with exit code {process.returncode}")
    print(said, end="", file=sys.stderr, flush=True)
    return results.last_json(said)


def at_once(jobs):
    """So many runs at a time on equal shares of the cores, all together."""
    threads = max(1, os.cpu_count() // jobs)
    points = [finish(process) for process in [start(JOB_IMAGES, threads) for _ in range(jobs)]]
    return {"jobs": jobs, "threads": threads, "images": JOB_IMAGES,
            "images_per_second": sum(JOB_IMAGES / point["epoch_seconds"] for point in points),
            "peak_bytes": sum(point["peak_bytes"] for point in points)}


def plot(points, path):
    """Two panels: seconds of an epoch, and memory, against images."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, (time_ax, memory_ax) = plt.subplots(1, 2, figsize=(8, 3.2), constrained_layout=True)
    colors = {threads: color for threads, color in
              zip(sorted({p["threads"] for p in points}), ("#D55E00", "#0072B2", "#009E73"))}
    for threads, color in colors.items():
        mine = sorted((p for p in points if p["threads"] == threads), key=lambda p: p["images"])
        images = [p["images"] for p in mine]
        label = f"{threads} thread{'s' * (threads > 1)}"
        time_ax.plot(images, [p["epoch_seconds"] for p in mine], "o-", color=color, ms=4,
                     label=label)
        # The line through 0 and the largest point: what strictly linear growth would be.
        largest = mine[-1]["epoch_seconds"] / mine[-1]["images"]
        time_ax.plot(images, [largest * n for n in images], "--", color=color, lw=0.8)
        memory_ax.plot(images, [p["peak_bytes"] / 2 ** 30 for p in mine], "o-", color=color, ms=4,
                       label=label)
    memory_ax.plot(images, [p["image_bytes"] / 2 ** 30 for p in mine], ":", color="#666666",
                   label="the images themselves")
    time_ax.set(xlabel="images (80 % train, 20 % validate)", ylabel="seconds an epoch",
                xscale="log", yscale="log", title="time (dashed: strictly linear)")
    memory_ax.set(xlabel="images", ylabel="peak memory, GiB", title="memory")
    for ax in (time_ax, memory_ax):
        ax.title.set_fontsize("medium")
        ax.grid(alpha=0.3, lw=0.4)
        ax.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", nargs="+", type=int, default=IMAGES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, os.cpu_count()])
    parser.add_argument("--out", type=Path, default=results.FOLDER)
    parser.add_argument("--point", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        worker.answer(measure(options.point))
        return
    for threads in options.threads:
        for n in options.images:
            results.merge(options.out, "scaling", [finish(start(n, threads))],
                          ("threads", "images"))
    for jobs in sorted({1, 2, os.cpu_count()}):
        results.merge(options.out, "jobs", [at_once(jobs)], ("jobs",))
    path = results.path(options.out)
    plot(results.read(options.out)["scaling"], path.with_name(path.stem + "-scaling.png"))


if __name__ == "__main__":
    main()
