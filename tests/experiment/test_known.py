"""Experiments found by name or path, and described where their runs are older than that."""
import pytest
from run_tools import make_run

from facekp.errors import ConfigError
from facekp.experiment import known
from facekp.nets import registry
from facekp.runs.about import FILE, About, read_about, write_about

ONE = """
from facekp.experiment import Experiment
from facekp.settings import Settings
from helper import RATE
ONE = Experiment("one", {"": Settings("lenet5", learning_rate=RATE)})
"""


def test_a_file_is_run_once_and_finds_what_lies_beside_it(tmp_path):
    (tmp_path / "helper.py").write_text("RATE = 0.25\n")
    (tmp_path / "one.py").write_text(ONE)
    path = str(tmp_path / "one.py")
    assert known.get(path).variants[""].settings.learning_rate == 0.25
    assert known.get(path) is known.get(path)


@pytest.mark.parametrize("name, words", [
    ("nonsense", "experiment: found 'nonsense', expected one of cnn14, "),
    ("nowhere.py", "nowhere.py: found no such Python file"), ("", "experiment: found ''")])
def test_what_is_no_experiment(name, words):
    with pytest.raises(ConfigError, match=words):
        known.get(name)


def test_a_file_with_no_experiment_or_two(tmp_path):
    for name, text in (("none", "X = 1\n"), ("both", ONE.replace("RATE", "1.0").replace(
            "from helper import 1.0", "") + 'TWO = Experiment("two", ONE.variants)\n')):
        (tmp_path / f"{name}.py").write_text(text)
        with pytest.raises(ConfigError, match=f"{name}.py: found [02] experiments, expected one"):
            known.get(str(tmp_path / f"{name}.py"))


def test_a_file_with_a_fault_says_where_every_time(tmp_path):
    (tmp_path / "bad.py").write_text("1 / 0\n")
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            known.load(tmp_path / "bad.py")


def test_runs_made_before_experiments_described_themselves(tmp_path):
    for place, model in (("lenet/lenet5", "lenet5"), ("train/cnn14", "cnn14"),
                         ("demo/lenet-augmented/lenet5/no-mirror", "lenet5"),
                         ("dropout-ablation/cnn14/dropout", "cnn14")):
        make_run(tmp_path / place / "fold0", [.1], model=model)
    write_about(tmp_path, About("dropout-ablation", title="As it was"))
    known.write_abouts(tmp_path)
    found = {path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob(FILE)}
    # cnn14's runs are all dropout-ablation's
    assert found == {"lenet", "demo/lenet-augmented", "dropout-ablation", "cnn14"}
    assert read_about(tmp_path, "lenet") == known.get("lenet").about()
    assert read_about(tmp_path, "dropout-ablation").title == "As it was"


@pytest.mark.parametrize("variant, changes, title", [
    ("", {}, "LeNet-5"), ("", {"seed": 1, "epochs": 2, "split": "grouped"}, "LeNet-5"),
    ("", {"learning_rate": 0.5}, "As it was"), ("other", {}, "As it was")])
def test_what_an_experiment_s_file_says_now_is_taken(variant, changes, title, tmp_path):
    settings = {**known.get("lenet").variants[""].settings.as_dict(), **changes}
    seed = f"seed{settings['seed']}" if settings["seed"] else ""
    split = "grouped" if settings["split"] == "grouped" else ""
    make_run(tmp_path / "lenet/lenet5" / variant / split / seed / "fold0", [.1], **settings)
    write_about(tmp_path, About("lenet", title="As it was"))
    known.write_abouts(tmp_path)
    assert read_about(tmp_path, "lenet").title == title


def test_no_folder_of_runs_is_made(tmp_path):
    known.write_abouts(tmp_path / "nowhere")
    assert not list(tmp_path.iterdir())


# ---- nets --------------------------------------------------------------------------------------


def test_a_net_s_name_is_taken_once(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "_architectures", dict(registry._architectures))

    def mine():
        return None
    assert registry.register("mine", mine, batch_size=4) is mine
    registry.register("mine", mine)  # the same file, run again
    with pytest.raises(ConfigError, match="net: found 'lenet5' twice, in facekp.nets.lenet"):
        registry.register("lenet5", mine)
    with pytest.raises(TypeError):
        registry.register("other", mine, rate=3)
    assert registry.get("mine").file == str(__file__)
