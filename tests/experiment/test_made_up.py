"""A made-up experiment with a made-up net: one file, and everything else finds it."""
import contextlib
import io
import json
import shutil
import subprocess
import sys

import pytest
from matplotlib.text import Text
from faults.configurations import write_data

from facekp.cli import commands
from facekp.experiment import known
from facekp.nets import registry
from facekp.report import results_page
from facekp.report.figures import figures
from facekp.report.sources import Sources
from facekp.runs.about import read_about

pytestmark = pytest.mark.usefixtures("quick_pictures")

FILE = '''"""How wide a made-up net must be."""
from facekp.experiment import Experiment, Variant
from facekp.nets import register
from facekp.settings import Settings


@register("tiny", batch_size=16)
def tiny(width=4, optimizer="adam", learning_rate=0.001, batch_size=128, seed=0):
    from lasagne.nonlinearities import tanh
    from facekp.nets.parts import hidden, net
    from lasagne.layers import DenseLayer, MaxPool2DLayer
    layers = [(MaxPool2DLayer, {"name": "pool", "pool_size": 8})]
    layers += hidden(DenseLayer, "dense", batch_norm=False, num_units=width)
    return net(layers, tanh, optimizer, learning_rate, batch_size, seed, fused=True)


MADE_UP = Experiment(
    name="made-up",
    title="A made-up net",
    variants={f"width-{width}": Variant(
        Settings("tiny", {"width": width}, epochs=2, batch_size=16), label=f"{label} tiny net")
        for width, label in ((2, "narrow"), (5, "wide"))},
)

if __name__ == "__main__":
    raise SystemExit(MADE_UP.main())
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory, quick_pictures):
    """The file, and its runs of two epochs by its own command, in two processes at a time."""
    folder = tmp_path_factory.mktemp("made-up")
    (folder / "made_up.py").write_text(FILE)
    data, runs, said = write_data(folder / "data"), folder / "runs", io.StringIO()
    with forgotten(), contextlib.redirect_stdout(said):
        assert commands.main(["run", str(folder / "made_up.py"), "--data", str(data), "--out",
                              str(runs), "--jobs", "2"]) == 0, said.getvalue()
    folder.joinpath("out.txt").write_text(said.getvalue())
    return folder


@contextlib.contextmanager
def forgotten():
    """The nets that are registered meanwhile are forgotten in the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_architectures", dict(registry._architectures))
        patch.setattr(known, "_loaded", {})
        yield


@pytest.fixture
def own_registry():
    """A test's nets are not the next test's."""
    with forgotten():
        yield


def test_the_runs_are_complete_and_described(trained):
    for width in (2, 5):
        run = trained / f"runs/made-up/tiny/width-{width}/fold0"
        config = json.loads((run / "config.json").read_text())
        assert config["settings"]["options"] == {"width": width}
        assert json.loads((run / "summary.json").read_text())["epochs"] == 2
    about = read_about(trained / "runs", "made-up")
    assert about.title == "A made-up net" and about.label("width-2") == "narrow tiny net"


def test_the_summary_has_its_labels(trained):
    for text in (trained / "out.txt", trained / "runs/made-up/summary.md"):
        assert "narrow tiny net" in text.read_text() and "wide tiny net" in text.read_text()


def test_figures_page_and_results_have_its_labels(trained, tmp_path):
    runs, data = ["--out", str(trained / "runs")], ["--data", str(trained / "data")]
    assert commands.main(["figures", *runs, *data, "--figures", str(tmp_path / "figures")]) == 0
    assert (tmp_path / "figures/losses-made-up.png").exists()
    figure = figures(Sources(trained / "runs"))["losses-made-up"].draw()
    assert "wide tiny net" in " ".join(text.get_text() for text in figure.findobj(Text))

    assert commands.main(["report", *runs, *data, "--to", str(tmp_path / "report.html")]) == 0
    (tmp_path / "README.md").write_text(f"{results_page.BEGIN}\n{results_page.END}\n")
    assert commands.main(["results", *runs, "--results", str(tmp_path / "results"), "--readme",
                          str(tmp_path / "README.md")]) == 0
    for page in ("report.html", "results/README.md", "results/made-up/summary.md"):
        text = (tmp_path / page).read_text()
        assert "A made-up net" in text and "narrow tiny net" in text
        assert "wide tiny net" in text


def test_a_run_goes_on_and_is_told_complete(trained, own_registry, capsys):
    arguments = ["run", str(trained / "made_up.py"), "--data", str(trained / "data"), "--out",
                 str(trained / "runs")]
    assert commands.main(arguments) == 0
    assert capsys.readouterr().out.count("fold0: complete\n") == 2


def test_the_file_is_a_script_too(trained):
    done = subprocess.run([sys.executable, str(trained / "made_up.py"), "--only", "x"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 2
    assert "only: found 'x', expected some of width-2, width-5" in done.stderr


def test_its_net_predicts_once_its_file_is_imported(trained, own_registry, capsys):
    run, out = trained / "runs/made-up/tiny/width-2/fold0", trained / "mine.csv"
    arguments = ["submit", str(run), "--data", str(trained / "data"), "--out", str(out)]
    assert commands.main(arguments) == 2
    err = capsys.readouterr().err
    assert "model: found 'tiny'" in err and "--import FILE" in err and err.count("\n") == 1
    assert commands.main([*arguments, "--import", str(trained / "made_up.py")]) == 0
    assert out.read_bytes() == (run / "submission.csv").read_bytes()


def test_its_net_trains_with_settings_of_ones_own(trained, own_registry):
    out = trained / "other"
    assert commands.main(
        ["train", "tiny", "--import", str(trained / "made_up.py"), "--epochs", "1", "--data",
         str(trained / "data"), "--out", str(out)]) == 0
    settings = json.loads((out / "train/tiny/epochs=1/fold0/config.json").read_text())["settings"]
    assert (settings["batch_size"], settings["epochs"]) == (16, 1)  # the net's own, and ours


def test_dropped_in_it_is_known_by_its_name(trained, own_registry, tmp_path, monkeypatch):
    """In experiments/: runs that say nothing of themselves are described when they are shown."""
    shutil.copytree(trained / "runs", tmp_path / "runs")
    (tmp_path / "runs/made-up/experiment.json").unlink()
    monkeypatch.setattr(known, "files", lambda: {"made-up": trained / "made_up.py"})
    known.write_abouts(tmp_path / "runs")
    assert read_about(tmp_path / "runs", "made-up").label("width-5") == "wide tiny net"
