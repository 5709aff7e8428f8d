"""All 7049 images: does it help to train on those that lack keypoints, too?

Two thirds of Kaggle's images have four keypoints only, by another labelling scheme. A net can take
both for one, have the scheme as an input of its output layer, or an output for each scheme. The
validation images are complete ones, the same for all variants, and the epochs are chosen so that
all take about as many steps. On synthetic faces, the errors on the test images are measured as
well, for each scheme; Kaggle keeps those labels. Expected there: the other images halve the
error on images of the second scheme, least where the schemes are not told apart.

On one core, a run takes twenty minutes.
"""
from facekp.augmentation import RECIPE
from facekp.experiment import Experiment, Variant, change
from facekp.settings import Settings


def variant(label, labels="all", heads="one", epochs=20):
    return Variant(Settings("small_vgg", optimizer="adam", learning_rate=0.0007, epochs=epochs,
                            batch_size=64, split="grouped", augment=RECIPE, schedule=("cosine",),
                            labels=labels, heads=heads), label)


ALL_LABELS = Experiment(
    name="all-labels",
    title="All images, and their two labelling schemes",
    order=1300,
    variants={
        "complete": variant("complete images", labels="complete", epochs=80),
        "one": variant("all images, one output"),
        "input": variant("all images, scheme as input", heads="input"),
        "each": variant("all images, an output for each scheme", heads="each"),
    },
    quick_epochs=1,
    claims=(
        change("The other images, schemes not told apart", "complete", "one"),
        change("The other images, scheme as input", "complete", "input"),
        change("The other images, an output for each scheme", "complete", "each"),
    ),
)

if __name__ == "__main__":
    raise SystemExit(ALL_LABELS.main())
