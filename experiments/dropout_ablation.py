"""Section 5.3, figure 6: the 14-layer CNN with and without its four dropout layers.

The net without dropout is optimizer-study's with Adagrad, and lies in its folder: trained once.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

DROPOUT_ABLATION = Experiment(
    name="dropout-ablation",
    title="Dropout",
    section="5.3",
    order=500,
    variants={name: Variant(Settings(model="cnn14", options={"dropout": dropout},
                                     optimizer="adagrad", learning_rate=0.01, epochs=500,
                                     batch_size=128), label=label)
              for name, dropout, label in (("dropout", True, "with dropout"),
                                           ("no-dropout", False, "without dropout"))},
    shares={"no-dropout": ("optimizer-study", "adagrad")},
    claims=(
        {"kind": "gap", "statement": "Dropout narrows the gap", "without": "no-dropout",
         "with": "dropout"},
    ),
    figures=(
        {"name": "figure06-dropout", "shows": "loss with and without dropout",
         "kind": "gap", "runs": ["dropout-ablation/dropout", "dropout-ablation/no-dropout"]},
    ),
)

if __name__ == "__main__":
    raise SystemExit(DROPOUT_ABLATION.main())
