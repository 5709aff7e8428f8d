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
    nets=({"label": "LeNet-5", "variant": "", "score": 3.35},),
    paper=(
        {"statement": "LeNet-5: score 3.35", "variant": "", "measure": "valid_rmse_px",
         "number": 3.35},
        {"statement": "training took about 2 hours on 8 cores", "variant": "",
         "measure": "seconds", "number": 7200},
    ),
    figures=(
        {"name": "figure01-lenet5", "shows": "LeNet-5",
         "kind": "architecture", "model": "lenet5"},
        {"name": "figure01-lenet5-classic", "shows": "LeNet-5 as of 1998",
         "kind": "architecture", "model": "lenet5", "options": {"variant": "classic"}},
        {"name": "losses-lenet-vggnet", "shows": "losses of sections 5.1 and 5.2",
         "kind": "losses", "runs": ["lenet", "vggnet"]},
    ),
)

if __name__ == "__main__":
    raise SystemExit(LENET.main())
