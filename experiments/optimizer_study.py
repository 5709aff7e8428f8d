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
    nets=({"label": "14-layer CNN without dropout", "variant": "adagrad", "score": None},),
    paper=(
        {"statement": "500 epochs took roughly 7 hours", "variant": "adagrad",
         "measure": "seconds", "number": 25200},
        {"statement": "without dropout, Adagrad: training loss 0.0002058", "variant": "adagrad",
         "measure": "train_loss", "number": 0.0002058},
        {"statement": "without dropout, Adagrad: validation loss 0.0010208", "variant": "adagrad",
         "measure": "valid_loss", "number": 0.0010208},
        {"statement": "without dropout, Adagrad: overfitted (validation loss 4.96 times the "
                      "training loss)", "variant": "adagrad", "measure": "loss_ratio",
         "number": 4.96},
        {"statement": "14-layer CNN without dropout, Adagrad", "variant": "adagrad",
         "measure": "valid_rmse_px", "number": None},
    ),
    claims=(
        # the last level of each is where the paper's net ended
        {"kind": "fastest", "statement": "Adagrad converges fastest", "variant": "adagrad",
         "levels": {"valid_loss": [0.004, 0.003, 0.002, 0.0015, 0.0012, 0.0010208],
                    "train_loss": [0.003, 0.002, 0.001, 0.0005, 0.0002058]}},
    ),
    figures=(
        {"name": "figure05-optimizers", "shows": "loss by optimizer", "kind": "losses"},
    ),
)

if __name__ == "__main__":
    raise SystemExit(OPTIMIZER_STUDY.main())
