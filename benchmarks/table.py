"""The benchmarks' results as tables and a plot, in docs/speed.md.

    python benchmarks/table.py [benchmarks/results/<machine>.json]
"""
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import engines  # noqa: E402
import results  # noqa: E402
from facekp import files  # noqa: E402
from facekp.text import clock  # noqa: E402
from results import markdown  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
BEGIN = "<!-- {}: written by benchmarks/table.py -->"
END = "<!-- end of {} -->"
COLORS = {"ours": "#0072B2", "stock Theano": "#999999", "PyTorch": "#E69F00",
          "PyTorch channels_last": "#D55E00", "PyTorch torch.compile": "#CC79A7"}
LABELS = {"ours": "ours", "stock Theano": "stock\nTheano", "PyTorch": "PyTorch\nNCHW",
          "PyTorch channels_last": "PyTorch\nchannels_last", "PyTorch torch.compile":
          "PyTorch\ncompile"}


def fastest(rows, net, threads, engine):
    """The row of an engine with tuned malloc; of all PyTorch variants the fastest; None if there is
    none."""
    rows = [row for row in rows if row["net"] == net and row["threads"] == threads
            and row["malloc"] == "tuned" and row["engine"].startswith(engine)]
    return min(rows, key=lambda row: row["epoch_seconds"]) if rows else None


def machine(content):
    """The machine and its yardstick, in a sentence."""
    host = content["host"]
    rates = ", ".join(f"{rates['best']:.0f} GFLOP/s with {threads} thread{'s' * (threads != '1')}"
                      for threads, rates in sorted(content["sgemm_gflops"].items()))
    return (f"{host['cpu']}, {host['cores']} cores; a large float32 product (sgemm) runs at "
            f"{rates}.")


def summary(content):
    """A line a net and number of threads: every engine with tuned malloc."""
    lines = []
    rows = content["training"]
    for net, threads in dict.fromkeys((row["net"], row["threads"]) for row in rows):
        ours, stock, torch = (fastest(rows, net, threads, engine)
                              for engine in ("ours", "stock Theano", "PyTorch"))
        if ours is None:
            continue
        seconds = [f"{row['epoch_seconds']:.2f}" if row else "" for row in (stock, torch, ours)]
        ratios = [f"{row['epoch_seconds'] / ours['epoch_seconds']:.1f} x" if row else ""
                  for row in (stock, torch)]
        lines.append([net, threads] + seconds + ratios
                     + [f"{ours['gflops'] / ours['sgemm_gflops']:.0%}",
                        f"{ours['images_per_second']:.0f}"])
    return markdown(["net", "threads", "stock Theano, s", "PyTorch, s", "ours, s", "stock / ours",
                     "PyTorch / ours", "of sgemm rate", "images/s"], lines)


def gain(content):
    """What a user gains, in five lines: a study, the start, memory, a net in use, the data."""
    rows, threads = content["training"], max(row["threads"] for row in content["training"])

    def times(section, engine, key, select=min, **where):
        """For each net, another engine's number divided by ours; the other engine's best."""
        found = {}
        for row in content[section]:
            if key in row and where.items() <= row.items():
                sides = found.setdefault(row["net"], ([], []))
                if row["engine"] == "ours" or row["engine"].startswith(engine):
                    sides[row["engine"] != "ours"].append(row[key])
        ratios = [select(theirs) / ours[0] for ours, theirs in found.values() if ours and theirs]
        return f"{min(ratios):.1f} to {max(ratios):.1f} times"

    tuned = {"threads": threads, "malloc": "tuned"}
    hours = [clock(500 * fastest(rows, "cnn14", threads, engine)["epoch_seconds"])
             for engine in ("ours", "PyTorch", "stock Theano")]
    ready = [next(row["cached_seconds"] for row in content["compile"]
                  if row["net"] == "cnn14" and row["engine"].startswith(engine))
             for engine in ("ours", "PyTorch")]
    loading = content["loading"]
    lines = [
        f"**Training** is {times('training', 'PyTorch', 'epoch_seconds', **tuned)} as fast as the "
        "fastest variant of PyTorch, and "
        f"{times('training', 'stock', 'epoch_seconds', **tuned)} as fast as stock Theano. "
        "500 epochs of the 14-layer CNN with dropout, a run of `make cnn14`, take "
        f"{hours[0]}; with PyTorch {hours[1]}, with stock Theano {hours[2]}.",
        f"**Start**: once compiled, the 14-layer CNN is ready after {ready[0]:.1f} s "
        f"(`torch.compile`: {ready[1]:.1f} s).",
        f"**Memory**: PyTorch takes {times('training', 'PyTorch', 'peak_bytes', **tuned)} as much "
        "as facekp.",
        "**Finding keypoints** of one image after the other is "
        f"{times('prediction', 'PyTorch', 'one_seconds')} as fast as with PyTorch.",
        f"**Reading** training.csv takes {loading['parsed']['seconds']:.1f} s the first time, and "
        f"{loading['cached']['seconds']:.2f} s afterwards; with pandas and numpy "
        f"{loading['pandas']['seconds']:.1f} s.",
    ]
    return "\n".join("* " + line for line in lines)


def most_threads(rows):
    """Those at the largest number of threads, and a sentence that says so."""
    threads = max(row["threads"] for row in rows)
    return ([row for row in rows if row["threads"] == threads],
            f"With {threads} thread{'s' * (threads != 1)}.")


def training(content):
    """A line an engine; the results file has other numbers of threads, too."""
    rows, said = most_threads(content["training"])
    mallocs, lines = {row["malloc"] for row in rows}, []
    for row in rows:
        low, high = row["spread"]
        engine = row["engine"] + f", {row['malloc']} malloc" * (len(mallocs) > 1)
        lines.append([
            row["net"], engine, f"{row['epoch_seconds']:.2f}",
            f"{100 * (low - 1):+.0f} / {100 * (high - 1):+.0f} %", f"{row['gflops']:.0f}",
            f"{row['gflops'] / row['sgemm_gflops']:.0%}", f"{row['peak_bytes'] / 2 ** 20:.0f}"])
    return said + "\n\n" + markdown(["net", "engine", "s/epoch", "quartiles", "GFLOP/s", "of sgemm",
                                     "peak MiB"], lines)


def steps(content, most=4):
    """The Ops that take most of a net's step; the results file has them all."""
    rows, said = most_threads(content["steps"])
    lines = []
    for entry in rows:
        ops = sorted(entry["ops"], key=lambda row: -row["ms"])
        total = sum(row["ms"] for row in ops)
        for row in ops[:most]:
            ideal = row["flops"] / entry["sgemm_gflops"] / 1e6
            lines.append([entry["net"], row["op"], f"{row['ms']:.1f}",
                          f"{row['ms'] / total:.0%}",
                          f"{row['flops'] / row['ms'] / 1e6:.0f}" if row["flops"] else "",
                          f"{row['ms'] - ideal:+.1f}"])
        rest = sum(row["ms"] for row in ops[most:])
        lines.append([entry["net"], f"{len(ops[most:])} others", f"{rest:.1f}",
                      f"{rest / total:.0%}", "", ""])
    return said + "\n\n" + markdown(["net", "Op", "ms", "of the step", "GFLOP/s",
                                     "ms beyond the sgemm rate"], lines)


def compiling(content):
    return markdown(["net", "engine", "first time, s", "from the cache, s"], [
        [row["net"], row["engine"], f"{row['first_seconds']:.1f}", f"{row['cached_seconds']:.1f}"]
        for row in content["compile"]])


def prediction(content):
    """A line an engine and net."""
    return markdown(["net", "engine", "start-up, s", "one at a time, images/s", "in batches of",
                     "images/s"], [
        [row["net"], row["engine"],
         f"{row['startup_seconds']:.1f}" if "startup_seconds" in row else "",
         f"{1 / row['one_seconds']:.0f}", row["batch"],
         f"{row['batch'] / row['batch_seconds']:.0f}"]
        for row in content["prediction"]])


def scaling(content):
    """A line a number of images."""
    rows, said = most_threads(content["scaling"])
    lines = []
    for p in rows:
        epoch = p["epoch_seconds"]
        lines.append([
            p["images"], f"{epoch:.2f}", f"{1000 * epoch / p['images']:.3f}",
            f"{p['batches_seconds'] / epoch:.1%}", f"{p['checkpoint_seconds'] / epoch:.1%}",
            f"{p['mirror_seconds_once']:.3f}", f"{p['peak_bytes'] / 2 ** 20:.0f}",
            f"{p['image_bytes'] / 2 ** 20:.0f}"])
    return said + "\n\n" + markdown(
        ["images", "s/epoch", "ms/image", "making batches", "checkpoint", "mirror images, s, once",
         "peak MiB", "images, MiB"], lines)


def jobs(content):
    """A line a number of runs at a time."""
    return markdown(["runs at a time", "threads of each", "images/s of all", "peak MiB of all"], [
        [row["jobs"], row["threads"], f"{row['images_per_second']:.0f}",
         f"{row['peak_bytes'] / 2 ** 20:.0f}"] for row in content["jobs"]])


def loading(content):
    names = {"cached": "facekp, from its cache", "parsed": "facekp, from the CSV",
             "pandas": "pandas and np.fromstring"}
    return markdown(["training.csv", "s", "peak MiB"], [
        [names[method], f"{row['seconds']:.2f}", f"{row['peak_mb']:.0f}"]
        for method, row in content["loading"].items()])


def augmentation(content):
    """A line a net and number of threads."""
    return markdown(["net", "threads", "s/epoch", "plain batches, s", "augmented batches, s",
                     "more time per epoch"], [
        [row["net"], row["threads"], f"{row['epoch_seconds']:.2f}", f"{row['plain_seconds']:.3f}",
         f"{row['augmented_seconds']:.3f}", f"{row['share_of_epoch']:.1%}"]
        for row in content["augmentation"]])


SECTIONS = {"training": ("Training", training), "steps": ("Inside a step", steps),
            "compile": ("Compiling", compiling), "prediction": ("Prediction", prediction),
            "scaling": ("Growth (14-layer CNN)", scaling),
            "jobs": ("Several runs at a time (14-layer CNN, 8000 images)", jobs),
            "loading": ("Loading", loading),
            "augmentation": ("Augmentation, all transforms on", augmentation)}


def plot(content, path):
    """Images per second of every engine, one panel a net, at the largest number of threads."""
    rows, _ = most_threads(content["training"])
    threads = rows[0]["threads"]
    nets = list(dict.fromkeys(row["net"] for row in rows))
    names = [engine for engine in COLORS if any(row["engine"] == engine for row in rows)]
    figure, axes = plt.subplots(1, len(nets), figsize=(2.3 * len(nets), 3.2), squeeze=False,
                                constrained_layout=True)
    for ax, net in zip(axes.flat, nets):
        for at, engine in enumerate(names):
            row = fastest([row for row in rows if row["engine"] == engine], net, threads, engine)
            if row:
                speed = row["images_per_second"]
                ax.bar([at], speed, 0.76, color=COLORS[engine])
                ax.annotate(f"{speed:.0f}", (at, speed), ha="center", va="bottom",
                            fontsize="x-small")
        ax.set_title(net, fontsize="medium")
        ax.set_xticks(range(len(names)))
        ax.set_xticklabels([LABELS[engine] for engine in names], rotation=90,
                           fontsize="x-small")
        ax.grid(axis="y", alpha=0.3, lw=0.4)
        ax.set_axisbelow(True)
        ax.margins(y=0.12)
    axes.flat[0].set_ylabel(f"training images/s, {threads} threads")
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def replace(path, name, parts):
    """Put text between two markers of a Markdown file."""
    files.put_between(path, BEGIN.format(name), END.format(name), "\n\n".join(parts))


def ordered(rows):
    """Rows of a section: most threads first, nets and engines as engines.py lists them."""
    nets, names = list(engines.CASES), list(COLORS)
    return sorted(rows, key=lambda row: (
        -row["threads"], nets.index(row["net"]) if "net" in row else 0, row.get("malloc", ""),
        names.index(row["engine"]) if "engine" in row else 0, row.get("images", 0)))


def write(path):
    """The plot beside the results, and plot and tables into docs/speed.md."""
    content = {name: ordered(section) if isinstance(section, list) else section
               for name, section in json.loads(path.read_text()).items()}
    image = path.with_suffix(".png")
    plot(content, image)
    gist = summary(content)
    page, parts = ROOT / "docs" / "speed.md", []
    replace(page, "gain", [
        gain(content), machine(content), gist,
        f"![images per second](../{image.relative_to(ROOT).as_posix()})"])
    for name, (title, table) in SECTIONS.items():
        if name in content:
            parts.append(f"## {title}\n\n{table(content)}")
    growth = path.with_name(path.stem + "-scaling.png")
    if "scaling" in content:
        parts.append(f"![time and memory](../{growth.relative_to(ROOT).as_posix()})")
    replace(page, "benchmark", parts)
    print(machine(content), gist, sep="\n\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else results.path(results.FOLDER))
