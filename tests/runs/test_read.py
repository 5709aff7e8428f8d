"""Runs read back from folders: complete, unfinished, diverged, damaged, shared."""
import json

import numpy as np
import pytest
from run_tools import make_run

from facekp import files
from facekp.errors import RunError
from facekp.metrics import keypoint_errors
from facekp.runs import read_all
from facekp.runs.about import About, read_about, write_about
from facekp.runs.read import Collection, find_runs, read_run

NAN = float("nan")


def failing(text):
    raise AssertionError(f"a warning: {text}")


def test_a_complete_run(tmp_path):
    make_run(tmp_path / "study/cnn14/adam/seed3/fold1", [.04, .01, .0225], [.3, .2, .1],
             seed=3, fold=1, clean=[.2, .15, NAN])
    [run] = find_runs(tmp_path, failing)
    assert (run.experiment, run.model, run.variant, run.seed, run.fold, run.attempt) == (
        "study", "cnn14", "adam", 3, 1, 1)
    assert (run.state, run.complete, run.epochs, run.label) == ("complete", True, 3,
                                                                "a test's faces")
    assert run.best_epoch == 2 and run.best_valid_rmse_px == pytest.approx(4.8)
    np.testing.assert_array_equal(run.history["train_loss"], [.3, .2, .1])
    assert run.final("valid_loss") == .0225
    assert run.seconds_per_epoch == 2 and run.summary["n_valid"] == 428


def test_unfinished_runs(tmp_path):
    make_run(tmp_path / "a/cnn14/fold0", [.04, .01], state=None, epochs=500)
    make_run(tmp_path / "b/cnn14/fold0", [], state=None, epochs=500)
    two, none = find_runs(tmp_path, failing)
    assert two.state == "unfinished at epoch 2 of 500" and not two.complete
    assert none.state == "unfinished at epoch 0 of 500" and none.variant == ""
    assert none.best_epoch == 0 and np.isnan(none.best_valid_rmse_px)
    assert np.isnan(none.final("valid_loss")) and np.isnan(none.seconds_per_epoch)


@pytest.mark.parametrize("state", ["diverged", None])
def test_diverged_runs(tmp_path, state):
    """Also when the run was killed between its last epoch and its summary."""
    make_run(tmp_path / "a/cnn14/sgd/fold0", [.04, NAN], state=state)
    [run] = find_runs(tmp_path, failing)
    assert run.diverged and run.state == "diverged in epoch 2"
    assert run.best_epoch == 1 and run.best_valid_rmse_px == pytest.approx(9.6)


def test_a_frozen_run_goes_on_as_it_stood_to_the_end_of_its_settings(tmp_path):
    make_run(tmp_path / "a/cnn14/fold0", [.4, .2, .2], [.3, .1, .1], clean=[.5, .25, NAN],
             epochs=7, summary={"stopped_by": "frozen", "frozen_since": 2})
    [run] = find_runs(tmp_path, failing)
    assert set(run.whole_history) == set(run.history) and run.epochs == 3
    for name, values in (("valid_loss", [.4, .2] + 5 * [.2]), ("train_loss", [.3, .1] + 5 * [.1]),
                         ("train_loss_clean", [.5, .25, NAN] + 4 * [NAN])):
        np.testing.assert_array_equal(run.whole_history[name], values)


@pytest.mark.parametrize("state, summary", [
    ("complete", {"stopped_by": "patience"}), ("diverged", {}), (None, {}),
    ("complete", {"stopped_by": "frozen", "epochs": 3})])
def test_other_histories_are_not_continued(tmp_path, state, summary):
    make_run(tmp_path / "a/cnn14/fold0", [.4, .2, .2], state=state, summary=summary,
             epochs=summary.get("epochs", 7))
    [run] = find_runs(tmp_path, failing)
    assert len(run.whole_history) == 3


def test_attempts_and_their_order(tmp_path):
    for name in ("fold1", "fold0-2", "fold0"):
        make_run(tmp_path / "a/cnn14/x" / name, [.1], fold=int(name[4]))
    assert [(run.fold, run.attempt) for run in find_runs(tmp_path, failing)] == [
        (0, 1), (0, 2), (1, 1)]


def test_no_folder_no_runs(tmp_path):
    assert find_runs(tmp_path / "none", failing) == []


@pytest.mark.parametrize("name, content, words", [
    ("config.json", "{", "config.json: cannot be read"),
    ("config.json", "{}", "lacks 'settings'"),
    ("config.json", '{"settings": 3}', "config.json: settings: found 3, expected an object"),
    ("history.csv", "epoch,train_loss\n1,2\n", "history.csv: cannot be read"),
    ("history.csv", None, "history.csv: cannot be read"),
    ("summary.json", "[]", "summary.json: cannot be read"),
    ("summary.json", "{}", "summary.json: lacks 'state'")])
def test_damaged_runs_are_named_and_left_out(tmp_path, name, content, words):
    make_run(tmp_path / "a/cnn14/fold0", [.1])
    make_run(tmp_path / "b/cnn14/fold0", [.1])
    path = tmp_path / "a/cnn14/fold0" / name
    path.unlink() if content is None else path.write_text(content)
    said = []
    [run] = find_runs(tmp_path, said.append)
    assert run.experiment == "b"
    assert len(said) == 1 and words in said[0] and str(path) in said[0]


def test_a_moved_run_is_refused(tmp_path):
    make_run(tmp_path / "a/cnn14/fold3", [.1], fold=2)
    with pytest.raises(RunError, match="holds fold 2, seed 0 of cnn14, which does not agree"):
        read_run(tmp_path / "a/cnn14/fold3")


STUDY = About("study", "Optimizers", order=2, variants={"adagrad": "Adagrad"})
ABLATION = About("ablation", order=1, shares={"no-dropout": ["study", "adagrad"]})
SHARING = About("sharing", order=3, shares={"": ["ablation", "dropout"]})


def collection(root):
    for about in (STUDY, ABLATION, SHARING):
        write_about(root, about)
    return Collection(root, failing)


def test_shared_variants_are_found_in_both_experiments(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "study/cnn14/adam/fold0", [.2])
    make_run(tmp_path / "ablation/cnn14/dropout/fold0", [.3])
    found = collection(tmp_path)
    names = {name: [(run.variant, run.final("valid_loss")) for run in found.of(name)]
             for name in ("study", "ablation", "sharing", "lenet")}
    assert names == {"study": [("adagrad", .1), ("adam", .2)],
                     "ablation": [("dropout", .3), ("no-dropout", .1)],
                     "sharing": [("", .3)], "lenet": []}
    assert list(found.abouts) == ["ablation", "study", "sharing"]
    assert found.of("study/adam") == found.of("study", "adam") == found.of("study")[1:]


def test_an_own_run_comes_before_a_shared_one(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "ablation/cnn14/no-dropout/fold0", [.3])
    [run] = collection(tmp_path).of("ablation")
    assert run.final("valid_loss") == .3


def test_runs_with_another_split_are_shared_too(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/grouped/fold0", [.1], split="grouped")
    [run] = collection(tmp_path).of("ablation")
    assert (run.variant, run.base, run.name) == ("no-dropout/grouped", "no-dropout",
                                                 "no-dropout, grouped split")


def test_labels_are_the_experiment_s(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "study/cnn14/adam/fold0", [.1])
    make_run(tmp_path / "demo/x/cnn14/adam/fold0", [.1])
    write_about(tmp_path, STUDY)
    assert [(run.title, run.name) for run in find_runs(tmp_path, failing)] == [
        ("demo/x", "adam"), ("Optimizers", "Adagrad"), ("Optimizers", "adam")]


@pytest.mark.parametrize("key, value", [
    ("title", 3), ("variants", {"a": 1}), ("shares", {"a": "b"}),
    ("shares", {"a": ["b"]}), ("nets", [3]), ("nets", [{"label": "x", "variant": 1}]),
    ("nets", [{"label": "x", "variant": "", "score": "3"}]), ("paper", [{"statement": "x"}]),
    ("claims", [3]), ("figures", {}), ("order", "first"), ("order", float("nan")),
    ("colour", "red"),
    ("paper", [{"statement": "x", "variant": "", "measure": "seconds", "number": "abc"}]),
    *(("figures", [{"name": "mine", "shows": "mine", "kind": "losses", **wrong}]) for wrong in (
        {"name": "../../x"}, {"name": 3}, {"shows": None}, {"runs": "lenet"}, {"runs": [["lenet"]]},
        {"options": []}))])
def test_an_experiment_that_describes_itself_wrongly_has_its_name_alone(key, value, tmp_path):
    for fold in (0, 1):
        make_run(tmp_path / f"study/cnn14/adagrad/fold{fold}", [.1], fold=fold)
    write_about(tmp_path, STUDY)
    path, said = tmp_path / "study/experiment.json", []
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    runs = Collection(tmp_path, said.append).of("study")
    assert [run.title for run in runs] == ["study"] * 2
    assert len(said) == 1 and str(path) in said[0] and key in said[0]


def test_synthetic_faces_do_not_mix_with_photographs(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", [.1])
    drawn = make_run(tmp_path / "study/cnn14/adagrad/fold1", [.1], fold=1)
    drawn.config.write_text(drawn.config.read_text().replace('"kind": "kaggle"',
                                                             '"kind": "synthetic"'))
    assert [run.fold for run in Collection(tmp_path, failing).of("study")] == [0]


NEAR = {"near_duplicates": {"n": 1, "rmse_px": 1.0, "mean_face_rmse_px": 2.0},
        "others": {"n": 3, "rmse_px": 2.0, "mean_face_rmse_px": None}}


def test_near_duplicates_from_the_summary_or_from_an_older_file(tmp_path):
    make_run(tmp_path / "a/cnn14/fold0", [.1], summary={"near_duplicates": NEAR})
    older = make_run(tmp_path / "b/cnn14/fold0", [.1])
    (older.folder / "near_duplicates.json").write_text(json.dumps(NEAR))
    for run in find_runs(tmp_path, failing):
        assert run.summary["near_duplicates"] == NEAR and run.apart("others") == 2
        assert np.isnan(run.apart("others", "mean_face_rmse_px"))


def test_a_damaged_older_file_is_done_without(tmp_path):
    run, said = make_run(tmp_path / "a/cnn14/fold0", [.1]), []
    (run.folder / "near_duplicates.json").write_text("{}")
    [found] = find_runs(tmp_path, said.append)
    assert "near_duplicates" not in found.summary
    assert "near_duplicates.json" in said[0] and len(said) == 1


def test_all_runs_as_a_table(tmp_path):
    make_run(tmp_path / "study/cnn14/adagrad/fold0", [.04, .01], augment=("mirror",),
             summary={"near_duplicates": NEAR, "train_rmse_px": 1.5})
    make_run(tmp_path / "study/cnn14/adam/seed1/fold0", [.04], seed=1, state=None, epochs=9)
    write_about(tmp_path, STUDY)
    table = read_all(tmp_path)
    assert table["label"].tolist() == ["Adagrad", "adam"] and len(table) == 2
    first = table.iloc[0]
    assert (first.title, first.augment, first.best_epoch, first.valid_rmse_px_others) == (
        "Optimizers", "mirror", 2, 2.0)
    assert table.groupby("label")["valid_rmse_px"].mean()["adam"] == pytest.approx(9.6)
    assert table["state"][1] == "unfinished at epoch 1 of 9" and table["seed"].tolist() == [0, 1]
    assert np.isnan(table["train_rmse_px"][1]) and len(read_all(tmp_path / "none")) == 0


def test_errors_from_predictions_or_as_stored(tmp_path):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    [result] = find_runs(tmp_path, failing)
    assert result.errors() is None
    y = np.full((4, 30), 40.0)
    np.savez(run.predictions, y_valid=y, y_pred_valid=y + 3)
    assert result.errors()["rmse_px"] == 3
    run.predictions.write_bytes(run.predictions.read_bytes()[:50])
    with pytest.raises(RunError, match="predictions.npz: cannot be read"):
        result.errors()
    (run.folder / "errors.json").write_text(json.dumps(WHOLE))
    assert result.errors() == WHOLE and WHOLE["rmse_px"] == 1


WHOLE = json.loads(json.dumps(keypoint_errors(np.full((2, 30), 40.0), np.full((2, 30), 41.0))))


@pytest.mark.parametrize("name, keys, value, words", [
    ("config.json", ["data", "label"], 3, "label: found 3, expected a text"),
    ("config.json", ["data", "label"], None, "lacks 'data.label'"),
    ("config.json", ["data", "files"], ["a"], "data.files: found"),
    ("config.json", ["settings", "model"], 3, "model: found 3"),
    ("config.json", ["settings", "seed"], "0", "seed: found '0', expected a whole number"),
    ("config.json", ["settings", "mirror"], "<b>", "settings: mirror: found '<b>'"),
    ("config.json", ["settings", "colour"], 1, "settings: colour: is no setting"),
    ("config.json", ["settings", "learning_rate"], "x", "learning_rate: found 'x', expected a fin"),
    ("config.json", ["settings", "learning_rate"], 10**400, "learning_rate: found 1000.*finite"),
    ("summary.json", ["state"], "bogus", "state: found 'bogus', expected complete or diverged"),
    ("config.json", ["host"], "x", "host: found 'x', expected an object"),
    ("config.json", ["threads"], [1], r"threads: found \[1\], expected a text"),
    ("config.json", ["theano_flags"], 5, "theano_flags: found 5, expected flags"),
    ("config.json", ["theano_flags"], 'a="', "theano_flags: found 'a=\"', expected flags with"),
    ("config.json", ["training_version"], "3", "training_version: found '3', expected a whole"),
    ("config.json", ["code"], ["x"], r"code: found \['x'\], expected a text"),
    ("config.json", ["git"], "x", "git: found 'x', expected an object"),
    ("summary.json", ["state"], 3, "state: found 3"),
    ("summary.json", ["near_duplicates"], [], r"near_duplicates: found \[\], expected an object"),
    ("summary.json", ["near_duplicates"], {"others": {}},
     "lacks 'near_duplicates.near_duplicates'"),
    ("summary.json", ["valid_rmse_px"], "<script>", "valid_rmse_px: found '<script>', expected a"),
    ("summary.json", ["epochs"], True, "epochs: found True"),
    ("summary.json", ["n_train"], -1, "n_train: found -1, expected a number from 0 on"),
    ("summary.json", ["seconds_per_epoch"], NAN, "seconds_per_epoch: found nan, expected a"),
    ("summary.json", ["mean_face_rmse_px"], [1] * 99, r"mean_face_rmse_px: found \[1, 1.*\.\.\."),
])
def test_a_value_of_another_kind_is_refused(tmp_path, name, keys, value, words):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    path = run.folder / name
    content = part = json.loads(path.read_text())
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=words) as caught:
        read_run(run.folder)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_history_without_an_epoch_is_refused(tmp_path):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    run.history.write_text(run.history.read_text().splitlines(keepends=True)[0])
    with pytest.raises(RunError, match="history.csv: holds no epoch, though"):
        read_run(run.folder)


def test_what_a_run_need_not_say(tmp_path):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1], summary={
        "valid_rmse_px_twin_in_train": None, "valid_rmse_px_no_twin": None})
    config = json.loads(run.config.read_text())
    config["threads"] = None
    for name in ("host", "theano_flags", "training_version"):
        del config[name]
    run.config.write_text(json.dumps(config))
    assert read_run(run.folder).complete


@pytest.mark.parametrize("key, value", [
    ("rmse_px", "3"), ("rmse_px", None), ("keypoint_rmse_px", {"tail": 1.0}),
    ("keypoint_rmse_px", [1]), ("mean_face_px", {}), ("mean_face_px", {"nose_tip": [1]}),
    ("within", []), ("within", ["a"]), ("thresholds_px", [1.0])])
def test_stored_errors_of_another_kind_are_refused(tmp_path, key, value):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    (run.folder / "errors.json").write_text(json.dumps({**WHOLE, key: value}))
    with pytest.raises(RunError, match="errors.json: "):
        read_run(run.folder).errors()


def test_errors_of_no_keypoint_are_refused(tmp_path):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    (run.folder / "errors.json").write_text(json.dumps(
        {**WHOLE, "keypoint_rmse_px": {}, "mean_face_px": {}}))
    with pytest.raises(RunError, match="keypoint_rmse_px: found {}"):
        read_run(run.folder).errors()


@pytest.mark.parametrize("arrays, words", [
    ({"y_valid": np.ones((2, 30))}, "lacks validation images"),
    ({"y_valid": np.ones((0, 30)), "y_pred_valid": np.ones((0, 30))}, "lacks validation images"),
    ({"y_valid": np.ones((2, 30)), "y_pred_valid": np.ones((3, 30))}, "lacks validation images"),
    ({"y_valid": np.ones((2, 30)), "y_pred_valid": np.ones(30)}, r"y_pred_valid: found .*\(30,\)"),
    ({"y_valid": np.ones((2, 30)), "y_pred_valid": np.full((2, 30), "x")}, "expected <f2 or <f4"),
    ({"y_valid": np.array(3.0)}, r"found <f8 \(\)"),
    ({"y_valid": np.array([{}])}, r"found \|O")])
def test_predictions_of_another_shape_are_refused(tmp_path, arrays, words):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1])
    np.savez(run.predictions, **arrays)
    with pytest.raises(RunError, match=words):
        read_run(run.folder).errors()


# ---- the error on near-duplicates --------------------------------------------------------------

PART = {"n": 3, "rmse_px": 1.0, "mean_face_rmse_px": None}
WRONG = [
    (None, "others'"), ([], "others: found"), ({**PART, "n": -1}, "others.n: found -1"),
    ({**PART, "n": 1.5}, "others.n: found 1.5"), ({**PART, "n": True}, "others.n: found True"),
    ({**PART, "rmse_px": "1"}, "others.rmse_px: found '1'"), ({"n": 3}, "others.rmse_px'"),
    ({**PART, "rmse_px": 10 ** 400}, "others.rmse_px: found 1000")]


@pytest.mark.parametrize("part, words", WRONG)
def test_a_file_of_near_duplicates_of_another_kind_costs_no_run(part, words, tmp_path):
    run, said = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5"), []
    run.near_duplicates.write_text(json.dumps({"near_duplicates": PART, "others": part}))
    [result] = find_runs(tmp_path, said.append)
    assert "near_duplicates" not in result.summary and words in said[0]


@pytest.mark.parametrize("part, words", WRONG)
def test_near_duplicates_of_another_kind_in_the_summary_are_refused(part, words, tmp_path):
    run = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5",
                   summary={"near_duplicates": {"near_duplicates": PART, "others": part}})
    with pytest.raises(RunError, match=f"summary.json: .*near_duplicates.{words}"):
        read_run(run.folder)


def test_near_duplicates_of_no_image_are_of_no_use(tmp_path):
    run, said = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5"), []
    run.near_duplicates.write_text(json.dumps(dict.fromkeys(("near_duplicates", "others"),
                                                            {**PART, "n": 0})))
    assert "near_duplicates" not in read_run(run.folder, warn=said.append).summary and said


@pytest.mark.parametrize("name", ["variants", "shares", "nets", "paper", "claims", "figures"])
def test_null_in_experiment_json_is_as_nothing(tmp_path, name):
    (tmp_path / "mine").mkdir()
    files.write_json(tmp_path / "mine" / "experiment.json", {"title": "Mine", name: None})
    about = read_about(tmp_path, "mine")
    assert about.title == "Mine" and not getattr(about, name) and about.label("x") == "x"
