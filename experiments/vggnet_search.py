"""Section 5.2: which learning rate and initial weights let VGGNet learn, two epochs each.

The paper states neither; ``vggnet`` trains with the best of these. Rates go down from Adam's
usual 0.001. Two epochs show what cannot learn and what is slow, not how good a net gets.
"""
from facekp.experiment.experiment import Experiment
from facekp.settings import Settings

VGGNET_SEARCH = Experiment(
    name="vggnet-search",
    section="5.2",
    paper="",
    variants={f"{weights}-{rate:g}": Settings(
        model="vggnet", options={"initial_weights": weights}, optimizer="adam",
        learning_rate=rate, epochs=2, batch_size=32)
        for weights, rates in (("he", (0.001, 0.0003, 0.0001, 0.00003)),
                               ("glorot", (0.001, 0.0003, 0.0001)))
        for rate in rates},
)

if __name__ == "__main__":
    raise SystemExit(VGGNET_SEARCH.main())
