"""Section 5.3, figure 5: five optimizers at rate 0.01, 14-layer CNN without dropout.

Five folds x 500 epochs each, batches of 128. Divergence is a result, not a fault.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

OPTIMIZER_STUDY = Experiment(
    name="optimizer-study",
    title="Five optimizers",
    section="5.3",
    order=400,
    variants={name: Variant(Settings(model="cnn14", options={"dropout": False}, optimizer=name,
                                     learning_rate=0.01, epochs=500, batch_size=128), label)
              for name, label in (("sgd", "SGD"), ("nesterov_momentum", "Nesterov momentum"),
                                  ("adagrad", "Adagrad"), ("rmsprop", "RMSprop"),
                                  ("adam", "Adam"))},
    folds=5,
    paper=({"statement": "Adagrad converges fastest; without dropout its training loss ends at "
                         "0.0002058, its validation loss at 0.0010208 (mean squared errors of "
                         "the scaled targets)"},),
)

if __name__ == "__main__":
    raise SystemExit(OPTIMIZER_STUDY.main())
