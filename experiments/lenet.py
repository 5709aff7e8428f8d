"""Section 5.1: LeNet-5, at most 100 epochs, stop after 6 without improvement.

The paper leaves Adam's learning rate open: 0.001, the rule's usual one.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

LENET = Experiment(
    name="lenet",
    title="LeNet-5",
    section="5.1",
    order=100,
    variants={"": Variant(Settings(model="lenet5", optimizer="adam", learning_rate=0.001,
                                   epochs=100, patience=6), label="LeNet-5")},
    paper=({"statement": "score 3.35 on Kaggle's 1783 test images, two thirds of which come from "
                         "a second labelling scheme: not comparable with a validation error"},),
)

if __name__ == "__main__":
    raise SystemExit(LENET.main())
