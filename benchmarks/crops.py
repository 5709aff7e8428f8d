"""How far nets are off where the crop of a face is wrong, or the photo bad.

    python benchmarks/crops.py --data data/kaggle LABEL=NET.onnx ...

The faces are those that fold 0 of the grouped split holds out, so the nets must not have been
trained on them: runs of `facekp train --split grouped` or `make ensemble FOLDS=1`, as
`facekp export` writes them. One pass, without the mirror image. A table in docs/photos.md.
"""
import argparse
from pathlib import Path

import numpy as np

from facekp import files
from facekp.data.kaggle import load_training
from facekp.data.transforms import transform
from facekp.data.transforms.draw import Changes
from facekp.data.transforms.geometry import rotate_and_scale, shift
from facekp.metrics import rmse_px
from facekp.predict.net import Net
from facekp.settings import Settings
from facekp.training.split import split

PAGE = Path(__file__).resolve().parents[1] / "docs" / "photos.md"
BEGIN, END = "<!-- crops: written by benchmarks/crops.py -->", "<!-- end of crops -->"


def cases(n):
    """What is done to n faces: name -> Changes."""
    random, zero = np.random.RandomState(0), np.zeros(n)
    angle, side = random.uniform(0, 2 * np.pi, n), random.choice([-1.0, 1.0], n)

    def changes(maps=None, gain=1.0, offset=0.0, noise=0.0, blur=0.0):
        maps = shift(zero, zero) if maps is None else maps
        return Changes(maps, zero + gain, zero + offset, zero + noise, np.arange(n), zero + blur,
                       int(np.ceil(3 * blur)))

    found = {"as Kaggle's": changes()}
    for px in (4, 8, 12):
        found[f"moved by {px} px"] = changes(shift(px * np.cos(angle), px * np.sin(angle)))
    for part in (-25, -15, 15, 30):
        found[f"face {abs(part)} % {'larger' if part > 0 else 'smaller'}"] = changes(
            rotate_and_scale(zero, zero + 1 + part / 100))
    for degrees in (15, 30):
        found[f"turned by {degrees} degrees"] = changes(rotate_and_scale(side * degrees, zero + 1))
    for px in (1, 2, 3):
        found[f"blurred by {px} px"] = changes(blur=px)
    found["a third of the contrast, dark"] = changes(gain=0.3, offset=-0.2)
    found["noise of 0.05"] = changes(noise=0.05)
    return found


def table(X, y_px, nets):
    """Markdown: a line a case, a column a net; RMSE in px of the 96x96 crop, of points inside."""
    lines = ["| crop | " + " | ".join(nets) + " |", "|---|" + "---|" * len(nets)]
    for name, changes in cases(len(X)).items():
        X_new, y_new = transform(X, y_px, changes)
        crops = np.rint(255 * X_new[:, 0]).astype(np.uint8)
        errors = [f"{rmse_px(y_new, net(crops)):.2f}" for net in nets.values()]
        lines.append(f"| {name} | " + " | ".join(errors) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nets", nargs="+", metavar="LABEL=FILE")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="Kaggle's files")
    options = parser.parse_args()
    training = load_training(options.data, complete_only=True)
    held_out = split(training.X, training.y, Settings("unet", split="grouped"))
    nets = {label: Net(path) for label, _, path in (text.partition("=") for text in options.nets)}
    text = table(held_out.X_valid, held_out.y_valid.astype(float), nets)
    text += (f"\n\nRMSE in px of the crop, {len(held_out.X_valid)} held-out faces "
             f"({training.provenance['label']}).")
    print(text)
    files.put_between(PAGE, BEGIN, END, text)


if __name__ == "__main__":
    main()
