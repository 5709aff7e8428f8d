"""Section 5.3, figure 6: the 14-layer CNN with and without its four dropout layers, Adagrad.

The net without dropout is optimizer-study's with Adagrad, and lies in its folder: trained once.
"""
from facekp.experiment.experiment import Experiment
from facekp.settings import Settings

DROPOUT_ABLATION = Experiment(
    name="dropout-ablation",
    section="5.3",
    paper="four dropout layers narrow the gap between training and validation loss, 0.0002058 and "
          "0.0010208 without them (mean squared errors of the scaled targets)",
    variants={name: Settings(model="cnn14", options={"dropout": dropout}, optimizer="adagrad",
                             learning_rate=0.01, epochs=500, batch_size=128)
              for name, dropout in (("dropout", True), ("no-dropout", False))},
)

if __name__ == "__main__":
    raise SystemExit(DROPOUT_ABLATION.main())
