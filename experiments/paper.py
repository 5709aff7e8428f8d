"""Everything that the paper ran, then figures and report; QUICK=1: in a quarter of an hour.

The order shows early what is wrong: cheap ones first.
"""
from facekp.experiment import Series

PAPER = Series(
    name="paper",
    title="everything that the paper ran, then figures and report",
    experiments=("lenet", "lenet-augmented", "vggnet", "dropout-ablation", "optimizer-study",
                 "cnn14"),
)

if __name__ == "__main__":
    raise SystemExit(PAPER.main())
