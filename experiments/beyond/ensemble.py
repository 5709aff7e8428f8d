"""The best nets: a small VGG and a ResNet, five folds each, and the mean of what they find.

Near-duplicates stay on one side of the split. Both nets see each image moved, turned, resized and
with other contrast in each epoch; their rate falls to zero along a cosine; their weights are
averaged over the last few epochs besides (settings `average`). The errors of the ensembles are out
of fold: a face is found only by nets that did not train on it, by one of each kind. Expected: small
VGG 1.30 px, with mirror images 1.23 px, both nets together less.

A fold of either net takes about half an hour on two cores.
"""
from facekp.augmentation import RECIPE
from facekp.experiment import Ensemble, Experiment, Variant, change
from facekp.settings import Settings


def variant(label, model, learning_rate, epochs=120, **options):
    return Variant(Settings(model, options, optimizer="adam", learning_rate=learning_rate,
                            epochs=epochs, batch_size=64, split="grouped", augment=RECIPE,
                            schedule=("cosine",), average=0.995), label)


ENSEMBLE = Experiment(
    name="ensemble",
    title="The best nets, and their mean",
    order=1500,
    variants={
        "small-vgg": variant("small VGG", "small_vgg", 0.0007),
        "resnet18": variant("ResNet-18", "resnet", 0.001, depth=18),
        "u-net": variant("U-Net", "unet", 0.001, epochs=80),
    },
    ensembles={
        "small-vgg-mirror": Ensemble(("small-vgg",), "small VGG, with mirror images", mirror=True),
        "resnet18-mirror": Ensemble(("resnet18",), "ResNet-18, with mirror images", mirror=True),
        "both": Ensemble(("small-vgg", "resnet18"), "both nets"),
        "both-mirror": Ensemble(("small-vgg", "resnet18"), "both nets, with mirror images",
                                mirror=True),
        "both-averaged-mirror": Ensemble(
            ("small-vgg", "resnet18"), "both nets, averaged weights, with mirror images",
            mirror=True, averaged=True),
    },
    folds=5,
    quick_epochs=1,
    nets=(
        {"label": "small VGG", "variant": "small-vgg", "score": None},
        {"label": "ResNet-18", "variant": "resnet18", "score": None},
        {"label": "small VGG, with mirror images", "variant": "small-vgg-mirror", "score": None},
        {"label": "small VGG and ResNet-18, with mirror images", "variant": "both-mirror",
         "score": None},
    ),
    claims=(
        change("Mirror images, LeNet-5, grouped split", ["lenet", "grouped"],
               ["lenet-augmented", "split-then-mirror-no-bn/grouped"]),
        change("A small VGG with augmentation instead of LeNet-5", ["lenet", "grouped"],
               "small-vgg"),
        change("The mean with mirror images, small VGG", "small-vgg", "small-vgg-mirror"),
        change("A ResNet-18 instead of the small VGG", "small-vgg", "resnet18"),
        change("The mean with mirror images, ResNet-18", "resnet18", "resnet18-mirror"),
        change("The mean of both nets, with mirror images", "small-vgg-mirror", "both-mirror"),
        change("Averaged weights, both nets, with mirror images", "both-mirror",
               "both-averaged-mirror"),
    ),
    figures=(
        {"name": "losses-ensemble", "shows": "losses of the best nets", "kind": "losses"},
    ),
)

if __name__ == "__main__":
    raise SystemExit(ENSEMBLE.main())
