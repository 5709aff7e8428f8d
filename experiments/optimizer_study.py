"""Section 5.3, figure 5: five optimizers at rate 0.01, 14-layer CNN without dropout.

Five folds x 500 epochs each, batches of 128. Divergence is a result, not a fault.
"""
from facekp.experiment.experiment import Experiment
from facekp.settings import Settings

OPTIMIZER_STUDY = Experiment(
    name="optimizer-study",
    section="5.3",
    paper="Adagrad converges fastest; without dropout its training loss ends at 0.0002058, its "
          "validation loss at 0.0010208 (mean squared errors of the scaled targets)",
    variants={name: Settings(model="cnn14", options={"dropout": False}, optimizer=name,
                             learning_rate=0.01, epochs=500, batch_size=128)
              for name in ("sgd", "nesterov_momentum", "adagrad", "rmsprop", "adam")},
    folds=5,
)

if __name__ == "__main__":
    raise SystemExit(OPTIMIZER_STUDY.main())
