"""Results of benchmarks/gpu.py as tables, and in docs/gpu.md.

    python benchmarks/gpu_table.py
"""
import json
from pathlib import Path

import results
from facekp import files

PAGE = Path(__file__).resolve().parents[1] / "docs" / "gpu.md"
BEGIN, END = "<!-- written by benchmarks/gpu_table.py -->", "<!-- end of tables -->"


def rows_of(content):
    """The table's rows: one for each net and engine."""
    names = {True: "facekp", False: "facekp with Theano's convolutions"}
    for row in content["nets"]:
        agreement = [f"{row[key]:.0e}" if key in row else ""
                     for key in ("loss_difference", "change_difference")]
        yield [row["net"], names[row["fused"]], row["batch"]] + agreement + speed(row)
    for row in content["torch"]:
        yield [row["net"], row["engine"], row["batch"], "", ""] + speed(row)


def speed(row):
    """The cells of what was timed."""
    if "error" in row or "ms" not in row:
        return [row.get("error", ""), "", ""]
    return [f"{row['ms']:.1f}", f"{row['epoch_seconds']:.2f}", row.get("memory_MiB", "")]


def table(content):
    """Everything that was found on a GPU, in Markdown."""
    gpu, host = content["gpu"], content["host"]
    lines = [f"{gpu['name']}, {gpu['memory_MiB']} MiB; {host['cpu']}, {host['cores']} cores; "
             f"{host['system']}.", ""]
    lines += [f"* {name}: {found}" for name, found in gpu["parts"].items()]
    if content["torch"]:
        first = content["torch"][0]
        lines += [f"* PyTorch {first.get('torch')}, cuDNN {first.get('cudnn')}"]
    lines += [""]
    if gpu["differences"]:
        lines += ["Largest difference of pygpu from numpy: " + ", ".join(
            f"{name} {value:.0e}" for name, value in gpu["differences"].items()) + ".", ""]
    lines += [content["note"], ""] if "note" in content else []
    order = list(dict.fromkeys(row["net"] for row in content["nets"]))
    columns = ["net", "engine", "batch", "losses differ", "changes differ", "ms a step",
               "s an epoch", "memory, MiB"]
    rows = sorted(rows_of(content), key=lambda row: order.index(row[0]))
    return "\n".join([*lines, results.markdown(columns, rows)])


def main():
    tables = [table(json.loads(file.read_text()))
              for file in sorted(results.FOLDER.glob("gpu-*.json"))]
    files.put_between(PAGE, BEGIN, END, "\n\n".join(tables))


if __name__ == "__main__":
    main()
