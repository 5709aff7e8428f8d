"""Which runs an experiment makes of its options, what it says of itself; the files there are."""
import re
from dataclasses import replace

import pytest

from facekp.errors import ConfigError
from facekp.experiment import Experiment, Variant, known
from facekp.runs.about import read_about, write_about
from facekp.settings import Settings

STUDY = Experiment("study", section="5.4", variants={
    "fair": Settings("lenet5", epochs=100, patience=6),
    "paper": Variant(Settings("lenet5", {"batch_norm": True}, epochs=500, split="after-mirroring",
                              augment=("mirror",)), label="the paper's")})
SINGLE = Experiment("single", {"": Settings("cnn14", epochs=500)}, folds=5)
EXPERIMENTS = known.experiments()


def plan(experiment, *arguments):
    runs = list(experiment.plan(experiment.parser().parse_args(arguments)))
    return [(run.folder.as_posix(), settings) for run, settings in runs]


def test_one_fold_and_the_papers_settings_by_default():
    assert plan(STUDY) == [
        ("runs/study/lenet5/fair/fold0", Settings("lenet5", epochs=100, patience=6)),
        ("runs/study/lenet5/paper/fold0", Settings("lenet5", {"batch_norm": True}, epochs=500,
                                                   split="after-mirroring",
                                                   augment=("mirror",)))]


def test_an_empty_variant_is_no_folder_and_folds_have_their_own_default():
    assert [folder for folder, _ in plan(SINGLE)] == [
        f"runs/single/cnn14/fold{k}" for k in range(5)]
    assert [settings.fold for _, settings in plan(SINGLE)] == [0, 1, 2, 3, 4]


def test_seeds_folds_epochs_out():
    runs = plan(STUDY, "--seeds", "0,7", "--folds", "2", "--epochs", "3", "--out", "/tmp/x")
    assert [folder for folder, _ in runs] == [
        f"/tmp/x/study/lenet5/{variant}{seed}/fold{fold}"
        for seed in ("", "/seed7") for variant in ("fair", "paper") for fold in (0, 1)]
    assert {settings.epochs for _, settings in runs} == {3}
    assert [settings.seed for _, settings in runs] == [0] * 4 + [7] * 4


def test_only():
    assert [folder for folder, _ in plan(STUDY, "--only", "paper")] == [
        "runs/study/lenet5/paper/fold0"]
    with pytest.raises(ConfigError, match="only: found 'papers', expected some of fair, paper"):
        plan(STUDY, "--only", "papers")


@pytest.mark.parametrize("arguments", [
    ("--epochs", "0"), ("--epochs", "many"), ("--epochs", "1.5"), ("--epochs", ""),
    ("--folds", "6"), ("--folds", "0"), ("--seed", "-1"), ("--seeds", "1,,2"), ("--nonsense",)])
def test_wrong_arguments_exit_with_2_and_name_themselves(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        STUDY.main(arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_another_split_than_the_experiments_own_has_a_folder_of_its_own():
    assert [(folder, settings.split) for folder, settings in plan(STUDY, "--split", "grouped")] == [
        ("runs/study/lenet5/fair/grouped/fold0", "grouped")]
    assert plan(STUDY, "--split", "random")[0] == plan(STUDY)[0]
    own = Experiment("own", {"": Settings("lenet5", split="grouped")})
    assert plan(own, "--split", "grouped")[0][0] == "runs/own/lenet5/fold0"
    assert plan(own, "--split", "random", "--seed", "2")[0][0] == (
        "runs/own/lenet5/random/seed2/fold0")


# ---- what it says of itself --------------------------------------------------------------------


def test_what_it_says_of_itself_survives_the_file(tmp_path):
    experiment = Experiment("one", title="One", section="1.2", order=7, variants={
        "a": Variant(Settings("lenet5"), "An A"), "b": Settings("lenet5")},
        shares={"b": ("two", "c")}, nets=({"label": "L", "variant": "a", "score": None},),
        figures=[{"name": "f", "kind": "k", "shows": "s", "runs": ("one",)}])
    write_about(tmp_path, experiment.about())
    about = read_about(tmp_path, "one")
    assert (about.title, about.section, about.order) == ("One", "1.2", 7)
    assert (about.label("a"), about.label("b")) == ("An A", "b")
    assert about.shares == {"b": ["two", "c"]} and about.figures[0]["runs"] == ["one"]
    path = tmp_path / "one" / "experiment.json"
    before = path.stat().st_mtime_ns, path.stat().st_ino
    write_about(tmp_path, experiment.about())  # the same: nothing is written
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_a_share_of_no_variant_is_refused():
    with pytest.raises(ConfigError, match="shares: found 'x', expected one of the variants"):
        Experiment("one", {"a": Settings("lenet5")}, shares={"x": ("two", "")})


# ---- the files there are -----------------------------------------------------------------------


@pytest.mark.parametrize("name", known.files())
def test_a_file_s_name_is_its_experiment_s(name):
    assert known.get(name).name == name


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.name)
def test_an_experiment_is_whole(experiment):
    assert experiment.title and plan(experiment)  # its settings are valid
    doc = known.load(known.files()[experiment.name]).__doc__
    assert not experiment.section or f"ection {experiment.section}" in doc
    labels = [experiment.about().label(name) for name in experiment.variants]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch("[a-z0-9._-]*", name) for name in experiment.variants)


def test_shared_variants_have_the_same_settings():
    for experiment in EXPERIMENTS:
        for variant, (other, there) in experiment.shares.items():
            assert experiment.variants[variant].settings == (
                known.get(other).variants[there].settings)


def test_the_papers_settings():
    lenet, cnn14 = (known.get(name).variants[""].settings for name in ("lenet", "cnn14"))
    assert (lenet.epochs, lenet.patience, lenet.optimizer) == (100, 6, "adam")
    assert (cnn14.epochs, cnn14.batch_size, cnn14.optimizer, cnn14.learning_rate) == (
        500, 128, "adagrad", 0.01)
    assert known.get("cnn14").folds == 5
    augmented = known.get("lenet-augmented").variants
    for name, split in (("split-then-mirror", "random"), ("mirror-then-split", "after-mirroring")):
        assert augmented[name].settings.split == split
        assert augmented[name].settings.augment == ("mirror",)


def test_runs_that_two_experiments_share_must_have_the_same_settings(tmp_path):
    cnn14 = known.get("cnn14")
    options = cnn14.parser().parse_args(["--out", str(tmp_path), "--folds", "1"])
    assert len(list(cnn14.plan(options))) == 1
    other = replace(cnn14, variants={"": replace(cnn14.variants[""].settings, learning_rate=0.02)})
    with pytest.raises(ConfigError, match="shares: cnn14 and dropout-ablation"):
        list(other.plan(options))


@pytest.mark.parametrize("change, named", [
    ({"name": "../up"}, "name: found '../up'"), ({"name": "A b"}, "name: found 'A b'"),
    ({"variants": {}}, "variants: found none in mine")])
def test_an_experiment_that_cannot_be(change, named):
    with pytest.raises(ConfigError, match=re.escape(named)):
        Experiment(**{"name": "mine", "variants": {"": Settings("lenet5")}, **change})


def test_another_split_leaves_out_what_would_be_the_same_twice(tmp_path):
    experiment = known.get("lenet-augmented")
    options = experiment.parser().parse_args(["--out", str(tmp_path), "--split", "grouped"])
    planned = [settings for _, settings in experiment.plan(options)]
    assert len(planned) == len(set(map(repr, planned))) == 3


@pytest.mark.parametrize("text, named", [("x = (", "line 1: .*SyntaxError"),
                                         ("import no_such_module", "no_such_module")])
def test_a_file_that_cannot_be_imported_is_one_error(tmp_path, text, named):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(ConfigError, match=f"mine.py.*{named}"):
        known.load(tmp_path / "mine.py")
