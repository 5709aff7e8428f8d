"""Section 5.3: the 14-layer CNN with its four dropout layers, five folds x 500 epochs.

The runs are those of dropout-ablation with dropout, and lie in its folder: trained once.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

CNN14 = Experiment(
    name="cnn14",
    title="14-layer CNN with dropout",
    section="5.3",
    order=600,
    variants={"": Variant(Settings(model="cnn14", options={"dropout": True}, optimizer="adagrad",
                                   learning_rate=0.01, epochs=500, batch_size=128),
                          label="14-layer CNN with dropout")},
    folds=5,
    shares={"": ("dropout-ablation", "dropout")},
    nets=({"label": "14-layer CNN with dropout", "variant": "", "score": 3.0773},),
    paper=(
        {"statement": "14-layer CNN with dropout, Adagrad: score 3.07730", "variant": "",
         "measure": "valid_rmse_px", "number": 3.0773},
    ),
    figures=(
        {"name": "figure03-cnn14", "shows": "14-layer CNN",
         "kind": "architecture", "model": "cnn14"},
        {"name": "figure07-filters", "shows": "filters of the first layer",
         "kind": "filters", "runs": ["cnn14", "optimizer-study/adagrad"]},
        {"name": "figure08-activations", "shows": "a face after each convolution",
         "kind": "activations", "runs": ["cnn14", "optimizer-study/adagrad"]},
        {"name": "figure09-predictions", "shows": "predicted test faces",
         "kind": "predictions", "runs": ["cnn14", "lenet"]},
    ),
)

if __name__ == "__main__":
    raise SystemExit(CNN14.main())
