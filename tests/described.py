"""Experiments of tests that describe themselves, as experiment.json has it."""
from facekp.runs.about import About, write_about


def number(statement, measure, variant=""):
    return {"statement": statement, "variant": variant, "measure": measure, "number": 1}


def figure(name, kind, **more):
    return {"name": name, "shows": f"what {name} shows", "kind": kind, **more}


NET = {"shows": "a net", "kind": "architecture"}
ABOUTS = {about.name: about for about in (
    About("lenet", "LeNet-5", "5.1", 10, {"": "LeNet-5"},
          nets=[{"variant": "", "label": "LeNet-5", "score": 3.35}],
          paper=[number("LeNet-5: score 3.35", "valid_rmse_px"),
                 number("training took about 2 hours", "seconds")],
          figures=[{"name": "figure01-lenet5", **NET, "model": "lenet5"}]),
    About("vggnet", "VGGNet", "5.2", 20, {"": "VGGNet"},
          nets=[{"variant": "", "label": "VGGNet", "score": 3.12}]),
    About("optimizer-study", "Five optimizers", "5.3", 30, {"sgd": "SGD", "adagrad": "Adagrad"},
          nets=[{"variant": "adagrad", "label": "14-layer CNN, no dropout", "score": None}],
          paper=[number("validation loss 0.0010208", "valid_loss", "adagrad"),
                 number("overfitted", "loss_ratio", "adagrad")],
          figures=[figure("figure05-optimizers", "losses")]),
    About("dropout-ablation", "Dropout", "5.3", 40, {"dropout": "", "no-dropout": ""},
          shares={"no-dropout": ["optimizer-study", "adagrad"]},
          figures=[figure("figure06-dropout", "gap", runs=["dropout-ablation/dropout",
                                                           "dropout-ablation/no-dropout"])]),
    About("cnn14", "14-layer CNN", "5.3", 50, {"": "14-layer CNN"},
          shares={"": ["dropout-ablation", "dropout"]},
          nets=[{"variant": "", "label": "14-layer CNN", "score": 3.0773}],
          figures=[figure("figure07-filters", "filters", runs=["cnn14", "optimizer-study/adagrad"]),
                   figure("figure08-activations", "activations",
                          runs=["cnn14", "optimizer-study/adagrad"]),
                   figure("figure09-predictions", "predictions", runs=["cnn14", "lenet"])]),
    About("lenet-augmented", "Mirror images", "5.4", 60, paper=[
        number("stopped; fair", "stopped", "split-then-mirror"),
        number("stopped; the paper's", "stopped", "mirror-then-split")]))}


def describe(root, *names):
    """Write experiment.json of some of these experiments, or of all, below a folder of runs."""
    for name in names or ABOUTS:
        write_about(root, ABOUTS[name])
