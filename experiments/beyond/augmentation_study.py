"""Section 6: rotation, rescaling and crop, which the paper names as future work; which helps?

Each transform of facekp.data.transforms alone, all together, and none, for three nets of different
size. A net takes equally many steps in all variants (mirror=0.5 mirrors half of the images of an
epoch, at random), and its rate falls to zero in all of them. Near-duplicates stay on one side of
the split. Expected: small_vgg gains most, about 0.15 px with all; LeNet-5 is too small for as much.

99 runs. By the benchmark's rates a run of LeNet-5 takes one to two minutes on two cores, of the
14-layer CNN two to three, of small_vgg eight: 6 to 7 hours in all, with ONLY= less.
"""
from facekp.experiment import Experiment, Variant, change
from facekp.settings import Settings

TRANSFORMS = ("mirror=0.5", "rotate=12", "scale=0.12", "shift=5", "crop=0.1", "brightness=0.15",
              "contrast=0.3", "noise=0.02", "blur=0.7")
AUGMENTATIONS = {"none": (), **{word.partition("=")[0]: (word,) for word in TRANSFORMS},
                 "all": TRANSFORMS}
NETS = {
    "lenet5": ("LeNet-5", {"epochs": 100}),
    "cnn14": ("14-layer CNN", {"epochs": 100}),
    "small_vgg": ("small VGG", {"epochs": 60, "learning_rate": 0.0007, "batch_size": 64}),
}


def helps(model, label):
    """The claim that augmentation helps a net: each transform against none."""
    return {"kind": "helpful", "statement": f"Augmentation helps {label}", "steps": [
        change(name, f"{model}-none", f"{model}-{name}")
        for name in AUGMENTATIONS if name != "none"]}


AUGMENTATION_STUDY = Experiment(
    name="augmentation-study",
    title="Augmentation, transform by transform",
    section="6",
    order=1100,
    variants={f"{model}-{name}": Variant(
        Settings(model, optimizer="adam", schedule=("cosine",), split="grouped", augment=words,
                 **settings), label=f"{label}, {name}")
              for model, (label, settings) in NETS.items()
              for name, words in AUGMENTATIONS.items()},
    seeds=(0, 1, 2),
    quick_epochs=1,
    claims=tuple(helps(model, label) for model, (label, _) in NETS.items()),
    figures=(
        {"name": "changes-augmentation", "shows": "what each transform changes",
         "kind": "changes"},
    ),
)

if __name__ == "__main__":
    raise SystemExit(AUGMENTATION_STUDY.main())
