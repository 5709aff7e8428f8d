"""The benchmark's results as a table and a plot for the README.

    python benchmarks/table.py benchmarks/results/<machine>.json
"""
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- benchmark: written by benchmarks/table.py -->", "<!-- end of benchmark -->"
COLORS = {"ours": "#0072B2", "stock Theano": "#999999", "PyTorch": "#E69F00",
          "PyTorch channels_last": "#D55E00", "PyTorch torch.compile": "#CC79A7"}


def fastest(rows, net, threads, engine, malloc="tuned"):
    """The row of an engine; of all PyTorch variants the fastest; None if there is none."""
    rows = [row for row in rows if row["net"] == net and row["threads"] == threads
            and row["malloc"] == malloc and row["engine"].startswith(engine)]
    return min(rows, key=lambda row: row["epoch_seconds"]) if rows else None


def markdown(results):
    """The table: seconds an epoch and ratios, each engine at its best malloc settings."""
    rows = results["rows"]
    host = results["host"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {host['system'].split('-with')[0]}. Seconds for an "
        "epoch of 1712 training and 428 validation images, median; "
        "all engines with tuned malloc, PyTorch in its fastest variant.", "",
        "| net | threads | stock Theano | PyTorch | ours | x stock | x PyTorch | "
        "share of sgemm rate | images/s |",
        "|---|---|---|---|---|---|---|---|---|"]
    for net, threads in dict.fromkeys((row["net"], row["threads"]) for row in rows):
        ours, stock, torch = (fastest(rows, net, threads, engine)
                              for engine in ("ours", "stock Theano", "PyTorch"))
        peak = results["sgemm_gflops"][str(threads)]

        def seconds(row):
            return f"{row['epoch_seconds']:.2f}" if row else ""

        def ratio(row):
            return f"{row['epoch_seconds'] / ours['epoch_seconds']:.1f}" if row else ""

        lines.append(f"| {net} | {threads} | {seconds(stock)} | {seconds(torch)} | {seconds(ours)} "
                     f"| {ratio(stock)} | {ratio(torch)} | {ours['gflops'] / peak:.0%} "
                     f"| {ours['images_per_second']:.0f} |")
    return "\n".join(lines)


def plot(results, path):
    """Images per second of every engine, one panel a net, at the largest number of threads."""
    rows = [row for row in results["rows"] if row["threads"] == max(
        other["threads"] for other in results["rows"])]
    nets = list(dict.fromkeys(row["net"] for row in rows))
    figure, axes = plt.subplots(1, len(nets), figsize=(2.6 * len(nets), 3.2), squeeze=False,
                                constrained_layout=True)
    for ax, net in zip(axes.flat, nets):
        here = [row for row in rows if row["net"] == net]
        for at, engine in enumerate(COLORS):
            for offset, malloc, alpha in ((-0.2, "default", 0.45), (0.2, "tuned", 1.0)):
                speeds = [row["images_per_second"] for row in here
                          if row["engine"] == engine and row["malloc"] == malloc]
                ax.bar([at + offset] * len(speeds), speeds, 0.38, color=COLORS[engine],
                       alpha=alpha)
        ax.set_title(net, fontsize="medium")
        ax.set_xticks(range(len(COLORS)))
        ax.set_xticklabels([name.replace(" ", "\n", 1) for name in COLORS], rotation=90,
                           fontsize="x-small")
        ax.grid(axis="y", alpha=0.3, lw=0.4)
    axes.flat[0].set_ylabel("training, images per second\n(pale: default malloc)")
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def write(path):
    """Table and plot beside the results, and the table into the README."""
    results = json.loads(Path(path).read_text())
    plot(results, Path(path).with_suffix(".png"))
    table = markdown(results)
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if BEGIN in text:
        before, rest = text.split(BEGIN)
        text = before + BEGIN + "\n" + table + "\n" + END + rest.split(END)[1]
        readme.write_text(text, encoding="utf-8")
    print(table)


if __name__ == "__main__":
    write(sys.argv[1])
