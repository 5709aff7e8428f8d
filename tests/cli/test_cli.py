"""The facekp command: its subcommands, faults in one line with exit code 2, help at once."""
import subprocess
import sys

import pytest
from core_tools import LABEL, faces, lookup, training_data, unlabelled_data
from run_tools import make_run
from kaggle_csv import read_submission

import facekp
from facekp.cli import commands
from facekp.experiment import known
from facekp.nets import registry
from facekp.runs.place import place_of
from facekp.settings import Settings


@pytest.mark.parametrize("arguments, named", [
    ([], "COMMAND"), (["nonsense"], "'nonsense'"), (["train"], "NET"), (["submit"], "RUN"),
    (["run", "lenet", "--epochs", "0"], "--epochs"), (["info", "extra"], "extra"),
    (["train", "lenet5", "--epochs", "0"], "--epochs"),
    (["train", "lenet5", "--split", "x"], "--split"),
    (["train", "lenet5", "--mirror", "x"], "--mirror"),
    (["train", "lenet5", "--learning-rate", "x"], "--learning-rate")])
def test_argparse_faults_exit_with_2_and_name_the_argument(arguments, named, capsys):
    with pytest.raises(SystemExit) as caught:
        commands.main(arguments)
    assert caught.value.code == 2
    assert named in capsys.readouterr().err.partition("error: ")[2]


@pytest.mark.parametrize("arguments, words", [
    (["--learning-rate", "-1"], "learning_rate: found -1.0, expected a number above 0"),
    (["--learning-rate", "1e999"], "learning_rate: found inf"),
    (["--split", "after-mirroring"], "split: found 'after-mirroring' without mirror images"),
    (["--augment", "mirror,rotate=200"], "augment: found 'rotate=200', expected rotate="),
    (["--import", "nowhere.py"], "nowhere.py: found no such Python file"),
])
def test_bad_settings_are_one_line(arguments, words, capsys, tmp_path):
    assert commands.main(["train", "lenet5", "--out", str(tmp_path), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("facekp: error: ") and words in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_files(monkeypatch):
    from facekp import data
    monkeypatch.setattr(data, "load_training", lambda folder, **options: training_data())
    monkeypatch.setattr(data, "load_test", lambda folder, **options: unlabelled_data())
    monkeypatch.setattr(data, "load_lookup", lambda folder, *ids: lookup())
    monkeypatch.setattr(data, "load_unlabelled", lambda folder: (unlabelled_data(), lookup()))


def test_an_option_that_the_model_lacks_leaves_no_folder(capsys, tmp_path, no_files):
    assert commands.main(["train", "cnn14", "--batch-norm", "--out", str(tmp_path)]) == 2
    assert "cnn14 does not take" in capsys.readouterr().err
    assert not list(tmp_path.rglob("fold0"))


@pytest.mark.parametrize("arguments, words", [
    (["alexnet"], "model: found 'alexnet', expected one of lenet5, vggnet, cnn14"),
    (["lenet5", "--optimizer", "x"], "optimizer: found 'x', expected one of sgd")])
def test_a_net_or_rule_that_nobody_knows(arguments, words, capsys, tmp_path, no_files):
    assert commands.main(["train", *arguments, "--out", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert words in err and err.count("\n") == 1
    assert not list(tmp_path.rglob("fold0"))


@pytest.fixture
def seen(monkeypatch, no_files):
    """The run folders and settings that a training gets, in place of it."""
    from facekp import training
    seen = []

    def train(run, settings, *data):
        seen.append((run.folder, settings))
        raise KeyboardInterrupt("SIGTERM: enough")
    monkeypatch.setattr(training, "train", train)
    return seen


@pytest.mark.parametrize("model, experiment", [("lenet5", "lenet"), ("vggnet", "vggnet")])
def test_train_starts_from_the_experiments_rate_and_batches(model, experiment, seen, tmp_path):
    assert commands.main(["train", model, "--out", str(tmp_path)]) == 143
    [(_, found)] = seen
    settings = known.get(experiment).variants[""].settings
    assert (found.learning_rate, found.batch_size, found.optimizer) == (
        settings.learning_rate, settings.batch_size, settings.optimizer)


def test_train_takes_what_suits_a_net_of_ones_own(seen, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_architectures", dict(registry._architectures))
    usual = dict(options={"variant": "classic"}, optimizer="sgd", epochs=7, patience=3,
                 split="grouped", augment=("mirror",), schedule=("cosine",), average=0.9,
                 labels="all", heads="each")
    registry.register("own", "facekp.nets.lenet:lenet5", **usual)
    assert commands.main(["train", "own", "--out", str(tmp_path)]) == 143
    assert commands.main(["train", "own", "--out", str(tmp_path), "--batch-norm", "--augment",
                          "none", "--split", "random", "--schedule", "", "--average", "0",
                          "--heads", "one", "--epochs", "9"]) == 143
    (folder, settings), (other_folder, other) = seen
    assert settings == Settings("own", **usual) and folder == tmp_path / "train/own/fold0"
    assert other == Settings("own", {"variant": "classic", "batch_norm": True}, "sgd", epochs=9,
                             patience=3, labels="all")
    assert other_folder.parts[-2:] == ("random", "fold0")


def test_train_hands_the_settings_on(tmp_path, seen):
    assert commands.main([
        "train", "cnn14", "--no-dropout", "--optimizer", "sgd", "--learning-rate", "0.5",
        "--epochs", "7", "--patience", "2", "--batch-size", "3", "--augment", "mirror",
        "--labels", "all", "--heads", "input", "--seed", "8", "--out", str(tmp_path)]) == 143
    [(folder, settings)] = seen
    assert settings == Settings("cnn14", {"dropout": False}, "sgd", 0.5, 7, 2, 3, labels="all",
                                heads="input", augment=("mirror",), seed=8)
    above, name, *last = folder.relative_to(tmp_path / "train").parts
    assert above == "cnn14" and last == ["seed8", "fold0"]
    assert set(name.split(",")) == {
        "dropout=false", "optimizer=sgd", "learning_rate=0.5", "epochs=7", "patience=2",
        "batch_size=3", "augment=mirror", "labels=all", "heads=input"}


@pytest.mark.parametrize("arguments, split, augment, part", [
    ([], "random", (), ""), (["--split", "grouped"], "grouped", (), "grouped"),
    (["--mirror", "none"], "random", (), ""),
    (["--mirror", "split-then-mirror"], "random", ("mirror",), "augment=mirror"),
    (["--mirror", "mirror-then-split"], "after-mirroring", ("mirror",),
     "split=after-mirroring,augment=mirror"),
    (["--mirror", "split-then-mirror", "--augment", "blur=1"], "random", ("mirror", "blur=1"),
     "augment=mirror+blur=1"),
    (["--augment", "mirror", "--split", "after-mirroring"], "after-mirroring", ("mirror",),
     "split=after-mirroring,augment=mirror")])
def test_split_and_augment_and_their_former_name(arguments, split, augment, part, seen, tmp_path):
    assert commands.main(["train", "lenet5", "--out", str(tmp_path), *arguments]) == 143
    [(folder, settings)] = seen
    assert (settings.split, settings.augment) == (split, augment)
    assert folder == tmp_path / "train" / "lenet5" / part / "fold0"


@pytest.mark.parametrize("split", ["grouped", "random"])
def test_a_former_name_does_not_take_another_split(split, seen, tmp_path, capsys):
    assert commands.main(["train", "lenet5", "--out", str(tmp_path), "--mirror",
                          "mirror-then-split", "--split", split]) == 2
    assert "--split" in capsys.readouterr().err and not seen and not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments, augment", [
    (["--augment", "shift=5.0,mirror"], ("mirror", "shift=5")),
    (["--augment", "mirror", "--augment", "blur=1"], ("mirror", "blur=1")),
    (["--augment", "none"], ())])
def test_train_takes_transforms_with_commas(arguments, augment, seen, tmp_path):
    assert commands.main(["train", "lenet5", "--out", str(tmp_path), *arguments]) == 143
    assert seen[0][1].augment == augment


EVERYTHING = ("mirror=0.5,rotate=12,scale=0.12,shift=5,crop=0.1,brightness=0.15,contrast=0.3,"
              "noise=0.02,blur=0.7")


@pytest.mark.parametrize("one, other", [
    ([], ["--augment", "rotate=12"]), (["--augment", "rotate=12"], ["--augment", "rotate=13"]),
    (["--augment", EVERYTHING], ["--augment", EVERYTHING.replace("0.7", "0.8")]),
    ([], ["--batch-norm"]), ([], ["--epochs", "7"]), ([], ["--labels", "all"]),
    (["--labels", "all"], ["--labels", "all", "--heads", "each"])])
def test_other_settings_have_another_folder_that_can_be_read(one, other, seen, tmp_path):
    for arguments in (one, other, one):
        assert commands.main(["train", "lenet5", "--out", str(tmp_path), *arguments]) == 143
    first, second, again = seen
    assert first == again and first[0] != second[0]
    for folder, settings in seen:
        above, _, attempt = place_of(folder, settings)
        assert (above, attempt) == (tmp_path / "train", 1)
        assert max(map(len, folder.relative_to(tmp_path).parts)) <= 200


def test_a_run_in_the_folder_of_earlier_versions_goes_on_there(seen, tmp_path):
    folder = tmp_path / "train/lenet5/seed3/fold0"
    make_run(folder, [.1], state=None, model="lenet5", epochs=100, augment=("mirror",), seed=3)
    for arguments in (["--seed", "3"], ["--seeds", "3,4"]):
        assert commands.main(["train", "lenet5", "--out", str(tmp_path), "--augment", "mirror",
                              *arguments]) == 143
        assert seen[-1][0] == folder
    commands.main(["train", "lenet5", "--out", str(tmp_path), "--augment", "blur=1", "--seed", "3"])
    assert seen[-1][0] == tmp_path / "train/lenet5/augment=blur=1/seed3/fold0"


def test_augment_preview_draws_what_was_asked_for(tmp_path, capsys, monkeypatch):
    from facekp.augmentation import Augmentation
    from facekp.report import augmentation_preview
    seen = []
    monkeypatch.setattr(augmentation_preview, "preview", lambda *given: seen.append(given))
    assert commands.main(["augment-preview", "--augment", "rotate=12", "--seed", "3",
                          "-o", "a.pdf"]) == 0
    assert seen == [(Augmentation(rotate=12), "a.pdf", None, 3)]
    assert commands.main(["augment-preview", "--augment", "turn=12"]) == 2
    assert "augment: found 'turn=12'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        commands.main(["augment-preview", "-o", "a.jpg"])
    assert "found 'a.jpg', expected a name that ends in .png or .pdf" in capsys.readouterr().err


def test_run_without_a_name_lists_what_there_is(capsys):
    assert commands.main(["run"]) == 0
    found = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert found.keys() == known.files().keys()
    assert found["lenet"] == known.get("lenet").title


def test_run_takes_the_experiment_s_own_options(seen, tmp_path, capsys):
    assert commands.main(["run", "dropout-ablation", "--only", "dropout", "--epochs", "3",
                          "--quick", "--out", str(tmp_path)]) == 143
    [(folder, settings)] = seen
    assert folder == tmp_path / "quick" / "dropout-ablation" / "cnn14" / "dropout" / "fold0"
    assert settings.epochs == 3
    assert commands.main(["run", "dropout-ablation", "--only", "x", "--out", str(tmp_path)]) == 2
    assert commands.main(["run", "nonsense"]) == 2
    assert [line.split(":")[2] for line in capsys.readouterr().err.splitlines()
            if line.startswith("facekp: error")] == [" only", " experiment"]


def test_submit(tmp_path, capsys, no_files):
    """A trained run's weights, and test.csv, to a submission."""
    from facekp import files
    from facekp.nets import models, weights
    from facekp.runs.folder import Run
    from facekp.training import load_net
    settings = Settings("lenet5", {"variant": "classic"}, batch_size=16)
    run = Run(tmp_path)
    files.write_json(run.config, {"settings": settings.as_dict()})
    net = models.build(settings)
    values = {name: p.get_value() for name, p in net.weights().items()}
    values["output.b"] += 0.25
    weights.save_weights(run.weights, values)
    out = tmp_path / "my.csv"
    assert commands.main(["submit", str(tmp_path), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 12 rows ({LABEL})\n"
    y_pred = load_net(tmp_path).predict_px(faces(6, seed=1)[0])
    _, values = read_submission(out)
    assert values == pytest.approx(y_pred[:, [0, 29]].ravel(), abs=1e-6)
    assert abs(values - 48).max() > 2  # the file's weights, not fresh ones


def test_published_results_have_no_weights_to_export(tmp_path, capsys):
    from facekp import files
    from facekp.runs.folder import Run
    run = Run(tmp_path)
    files.write_json(run.config, {"settings": Settings("lenet5").as_dict(), "data": {"label": "x"}})
    files.write_json(run.summary, {"state": "complete", "valid_rmse_px": 2.0})
    run.conv_weights.touch()
    assert commands.main(["export", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "published results" in err and err.count("\n") == 1


def test_help_and_version_need_no_theano_and_most_no_numpy(clean_env):
    code = ("import sys\nfrom facekp import cli\n"
            "def show(*lines):\n"
            "    for line in lines:\n"
            "        try:\n            cli.main(line.split())\n"
            "        except SystemExit as end:\n            assert not end.code\n"
            "show('--help', 'train --help', 'predict --help', 'page --help', 'report --help')\n"
            "assert 'numpy' not in sys.modules\n"
            "show('submit --help', 'info --help', 'run', 'run lenet --help', '--version')\n"
            "assert not {'theano', 'lasagne', 'matplotlib', 'pandas'} & set(sys.modules)\n")
    done = subprocess.run([sys.executable, "-c", code], env=clean_env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stderr
    assert "train one net" in done.stdout and done.stdout.splitlines()[-1] == facekp.__version__
