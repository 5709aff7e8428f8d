"""The most accurate nets: U-Nets that mark each keypoint on a map, and the mean of what they find.

Near-duplicates stay on one side of the split. All nets see each image moved, turned, resized and
with other contrast in each epoch; their rate falls to zero along a cosine; their weights are
averaged over the last few epochs besides (settings `average`). The errors of the ensembles are out
of fold: a face is found only by nets that did not train on it, by one of each kind. The small VGG,
whose dense layers have to learn each place of a face anew, is here to compare with.

On one core, a fold of the U-Net takes half an hour to three quarters, of the others an hour.
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
        "u-net": variant("U-Net", "unet", 0.001, epochs=80),
        "u-net-32": variant("U-Net, 32 filters", "unet", 0.001, epochs=80, width=32),
    },
    ensembles={
        "small-vgg-mirror": Ensemble(("small-vgg",), "small VGG, with mirror images", mirror=True),
        "u-net-mirror": Ensemble(("u-net",), "U-Net, with mirror images", mirror=True),
        "u-net-32-mirror": Ensemble(("u-net-32",), "U-Net, 32 filters, with mirror images",
                                    mirror=True),
        "both-mirror": Ensemble(("u-net", "u-net-32"), "both U-Nets, with mirror images",
                                mirror=True),
        "both-averaged-mirror": Ensemble(
            ("u-net", "u-net-32"), "both U-Nets, averaged weights, with mirror images",
            mirror=True, averaged=True),
    },
    folds=5,
    quick_epochs=1,
    nets=(
        {"label": "small VGG", "variant": "small-vgg", "score": None},
        {"label": "U-Net", "variant": "u-net", "score": None},
        {"label": "U-Net, with mirror images", "variant": "u-net-mirror", "score": None},
        {"label": "U-Net, 32 filters", "variant": "u-net-32", "score": None},
        {"label": "U-Net, 32 filters, with mirror images", "variant": "u-net-32-mirror",
         "score": None},
        {"label": "two U-Nets, with mirror images", "variant": "both-mirror", "score": None},
    ),
    claims=(
        change("Mirror images, LeNet-5, grouped split", ["lenet", "grouped"],
               ["lenet-augmented", "split-then-mirror-no-bn/grouped"]),
        change("A small VGG with augmentation instead of LeNet-5", ["lenet", "grouped"],
               "small-vgg"),
        change("The mean with mirror images, small VGG", "small-vgg", "small-vgg-mirror"),
        change("A U-Net instead of the small VGG", "small-vgg", "u-net"),
        change("The mean with mirror images, U-Net", "u-net", "u-net-mirror"),
        change("A wider U-Net", "u-net", "u-net-32"),
        change("The mean with mirror images, wider U-Net", "u-net-32", "u-net-32-mirror"),
        change("The mean of both U-Nets, with mirror images", "u-net-mirror", "both-mirror"),
        change("Averaged weights, both U-Nets, with mirror images", "both-mirror",
               "both-averaged-mirror"),
    ),
    figures=(
        {"name": "changes-ensemble", "shows": "what each step brings", "kind": "changes"},
        {"name": "losses-ensemble", "shows": "losses of the best nets", "kind": "losses"},
    ),
)

if __name__ == "__main__":
    raise SystemExit(ENSEMBLE.main())
