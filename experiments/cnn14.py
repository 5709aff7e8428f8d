"""Section 5.3: the 14-layer CNN with its four dropout layers, five folds x 500 epochs.

The runs are those of dropout-ablation with dropout, and lie in its folder: trained once.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

CNN14 = Experiment(
    name="cnn14",
    title="14-layer CNN",
    section="5.3",
    order=600,
    variants={"": Variant(Settings(model="cnn14", options={"dropout": True}, optimizer="adagrad",
                                   learning_rate=0.01, epochs=500, batch_size=128),
                          label="14-layer CNN")},
    folds=5,
    shares={"": ("dropout-ablation", "dropout")},
    paper=({"statement": "score 3.07730 on Kaggle's 1783 test images, two thirds of which come "
                         "from a second labelling scheme: not comparable with a validation error"},
           ),
)

if __name__ == "__main__":
    raise SystemExit(CNN14.main())
