"""Section 5.2: VGGNet (VGG-16 on 96x96) from scratch, LeNet's stopping rule.

The paper states no rate and no initial weights: Adam at 0.0003 with He's, which came
to the lowest validation error in vggnet_search.py.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

VGGNET = Experiment(
    name="vggnet",
    title="VGGNet",
    section="5.2",
    order=200,
    variants={"": Variant(Settings(model="vggnet", optimizer="adam", learning_rate=0.0003,
                                   epochs=100, patience=6, batch_size=32), label="VGGNet")},
    quick_epochs=1,  # one takes as long as 25 of LeNet-5
    nets=({"label": "VGGNet", "variant": "", "score": 3.12},),
    paper=(
        {"statement": "VGGNet: score 3.12", "variant": "", "measure": "valid_rmse_px",
         "number": 3.12},
        {"statement": "training took 6 hours", "variant": "", "measure": "seconds",
         "number": 21600},
    ),
    figures=(
        {"name": "figure02-vggnet", "shows": "VGGNet",
         "kind": "architecture", "model": "vggnet"},
        {"name": "losses-lenet-vggnet", "shows": "losses of sections 5.1 and 5.2",
         "kind": "losses", "runs": ["lenet", "vggnet"]},
    ),
)

if __name__ == "__main__":
    raise SystemExit(VGGNET.main())
