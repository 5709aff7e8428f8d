"""Section 5.2: which learning rate and initial weights let VGGNet learn, two epochs each.

The paper states neither; ``vggnet`` trains with the best of these. Rates go down from Adam's
usual 0.001. Two epochs show what cannot learn and what is slow, not how good a net gets.
"""
from facekp.experiment import Experiment, Variant
from facekp.settings import Settings

VGGNET_SEARCH = Experiment(
    name="vggnet-search",
    title="VGGNet's learning rate and initial weights",
    section="5.2",
    order=300,
    variants={f"{weights}-{rate:g}": Variant(
        Settings(model="vggnet", options={"initial_weights": weights}, optimizer="adam",
                 learning_rate=rate, epochs=2, batch_size=32), label=f"{label} at {rate:g}")
              for weights, label, rates in (("he", "He", (0.001, 0.0003, 0.0001, 0.00003)),
                                            ("glorot", "Glorot", (0.001, 0.0003, 0.0001)))
              for rate in rates},
    quick_epochs=1,
)

if __name__ == "__main__":
    raise SystemExit(VGGNET_SEARCH.main())
