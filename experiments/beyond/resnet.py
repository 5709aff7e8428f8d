"""Section 6: ResNet, which the paper names as future work, beside VGGNet and a small VGG.

All with the same augmentation, the same number of epochs and a rate that falls to zero;
near-duplicates stay on one side of the split. He et al. 2015 normalize each layer's batches, VGG
does not: small-vgg-bn shows how much of the difference is due to that. Expected: small VGG 1.3 px.

By the benchmark's rates, a run on two cores takes 15 minutes (small VGG), 20 (ResNet-18) or two
hours (VGGNet).
"""
from facekp.augmentation import RECIPE
from facekp.experiment import Experiment, Variant, change
from facekp.settings import Settings


def variant(label, model, options=(), learning_rate=0.001, batch_size=64):
    return Variant(Settings(model, dict(options), optimizer="adam", learning_rate=learning_rate,
                            epochs=120, batch_size=batch_size, split="grouped", augment=RECIPE,
                            schedule=("cosine",), average=0.995), label)


RESNET = Experiment(
    name="resnet",
    title="ResNet",
    section="6",
    order=1200,
    variants={
        "small-vgg": variant("small VGG", "small_vgg", learning_rate=0.0007),
        "small-vgg-bn": variant("small VGG, batch norm", "small_vgg", {"batch_norm": True}),
        "resnet10": variant("ResNet-10", "resnet", {"depth": 10}),
        "resnet18": variant("ResNet-18", "resnet", {"depth": 18}),
        "vgg": variant("VGGNet", "vggnet", learning_rate=0.0003, batch_size=32),
    },
    shares={"small-vgg": ("ensemble", "small-vgg")},
    quick_epochs=1,
    nets=({"label": "ResNet-18", "variant": "resnet18", "score": None},),
    claims=(
        change("ResNet-18 instead of a small VGG", "small-vgg", "resnet18"),
        change("ResNet-18 instead of a small VGG, both with batch normalization", "small-vgg-bn",
               "resnet18"),
        change("ResNet-18 instead of VGGNet", "vgg", "resnet18"),
        change("Eight more layers", "resnet10", "resnet18"),
    ),
)

if __name__ == "__main__":
    raise SystemExit(RESNET.main())
