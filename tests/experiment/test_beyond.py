"""Experiments that the paper does not have: what they plan, specialists and their combination."""
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from core_tools import CLASSIC, quick_training
from faults.configurations import write_data

from facekp.augmentation import Augmentation
from facekp.data.mirror import flip_keypoints
from facekp.experiment import Ensemble, Experiment, known
from facekp.keypoints import KEYPOINTS
from facekp.runs.read import Collection

pytestmark = pytest.mark.usefixtures("quick_pictures")

EYES, REST = KEYPOINTS[:6], KEYPOINTS[6:]
WHOLE = replace(CLASSIC, labels="all", epochs=1)
SPECIAL = Experiment(
    "special", variants={
        "eyes": replace(WHOLE, points=EYES, start="special/whole"), "whole": WHOLE,
        "rest": replace(WHOLE, points=REST, start="special/whole")},
    ensembles={"combined": Ensemble(("eyes", "rest"), "both")},
    claims=({"kind": "change", "statement": "Two instead of one", "before": "whole",
             "after": "combined"},))


@pytest.fixture(autouse=True, scope="module")
def quick():
    with quick_training():
        yield


def plan(name, *arguments):
    experiment = known.get(name)
    options = experiment.parser().parse_args(["--out", "runs", *arguments])
    return experiment, [(run.folder.as_posix(), settings)
                        for run, settings in experiment.plan(options)]


def test_the_augmentation_study_compares_like_with_like():
    experiment, runs = plan("augmentation-study")
    assert len(runs) == 3 * 11 * 3 and {settings.seed for _, settings in runs} == {0, 1, 2}
    assert {settings.split for _, settings in runs} == {"grouped"}
    assert len({folder for folder, _ in runs}) == 99
    for model in ("lenet5", "cnn14", "small_vgg"):
        own = [settings for _, settings in runs if settings.model == model]
        assert len({repr(replace(settings, augment=(), seed=0)) for settings in own}) == 1
        alone = {settings.augment for settings in own if len(settings.augment) == 1}
        assert len(alone) == 9 and len({settings.augment for settings in own}) == 11
        assert not any(Augmentation.parse(settings.augment).doubled for settings in own)
    assert [len(claim["steps"]) for claim in experiment.claims] == [10] * 3


def test_quick_is_one_seed_and_the_users_seeds_go_before():
    assert {s.seed for _, s in plan("augmentation-study", "--quick")[1]} == {0}
    assert {s.seed for _, s in plan("augmentation-study", "--seeds", "5,6")[1]} == {5, 6}
    assert {s.seed for _, s in plan("lenet")[1]} == {0}


def test_specialists_cover_each_keypoint_once_and_mirror_into_their_own_group():
    experiment, runs = plan("specialists")
    groups = [settings.points for _, settings in runs if settings.points]
    assert sorted(sum(groups, ())) == sorted(KEYPOINTS)
    for points in groups:
        y = np.where(np.isin(KEYPOINTS, points).repeat(2), 40.0, np.nan)[np.newaxis]
        np.testing.assert_array_equal(np.isnan(flip_keypoints(y)), np.isnan(y))
    folders = [folder for folder, _ in runs]
    assert folders[0] == "runs/all-labels/small_vgg/each/fold0"
    assert set(experiment.ensembles["combined"].of) == set(experiment.variants) - {"all"}
    assert experiment.about().label("combined") == "specialists together"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Kaggle's format: 40 faces, every fourth one labelled by the second scheme."""
    from facekp.data.schemes import FOUR
    folder = write_data(tmp_path_factory.mktemp("data") / "faces")
    lines = (folder / "training.csv").read_text().splitlines()
    for number in range(4, len(lines), 4):
        fields = lines[number].split(",")
        for k, name in enumerate(KEYPOINTS):
            if name not in FOUR:
                fields[2 * k:2 * k + 2] = ["", ""]
        lines[number] = ",".join(fields)
    (folder / "training.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_specialists_from_the_csv_to_one_submission(jobs, data, tmp_path, capsys):
    out = tmp_path / "runs"
    assert SPECIAL.main(["--data", str(data), "--out", str(out), "--jobs", str(jobs)]) == 0
    text = capsys.readouterr().out
    assert "on 30 complete images and 10 others" in text
    place = out / "special/lenet5"
    told = {name: json.loads((place / name / "fold0/summary.json").read_text())
            for name in ("whole", "eyes", "rest", "combined")}
    assert (told["whole"]["n_train"], told["eyes"]["n_train"], told["whole"]["n_valid"]) == (
        34, 34, 6)
    mean = (told["eyes"]["valid_rmse_px"] ** 2 * 6 + told["rest"]["valid_rmse_px"] ** 2 * 9) / 15
    assert told["combined"]["valid_rmse_px"] == pytest.approx(mean ** 0.5, rel=1e-4)
    assert (place / "combined/fold0/submission.csv").exists()
    assert not (place / "eyes/fold0/submission.csv").exists()
    collection = Collection(out)
    [run] = collection.of("special", "combined")
    assert run.name == "both"
    assert "Two instead of one" in (out / "special/summary.md").read_text()


def test_a_specialist_alone_is_trained_after_the_net_that_it_starts_from(data, tmp_path, capsys):
    arguments = ["--data", str(data), "--out", str(tmp_path / "runs"), "--only"]
    assert SPECIAL.main([*arguments, "eyes"]) == 2
    assert "train special/whole first" in capsys.readouterr().err
    assert SPECIAL.main([*arguments, "whole"]) == 0
    assert SPECIAL.main([*arguments, "eyes"]) == 0
    assert not Path(tmp_path, "runs/special/lenet5/combined").exists()
