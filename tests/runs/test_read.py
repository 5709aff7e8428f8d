"""Runs read back from folders: complete, unfinished, diverged, damaged, shared."""
import json

import numpy as np
import pytest
from run_tools import make_run

from facekp.errors import RunError
from facekp.metrics import keypoint_errors
from facekp.runs.read import SHARED, find_runs, of_experiment, read_run

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
    assert [len(values) for values in run.whole_history.values()] == [3] * len(run.history)


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


def test_shared_variants_are_found_in_both_experiments(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "optimizer-study/cnn14/adam/fold0", [.2])
    make_run(tmp_path / "dropout-ablation/cnn14/dropout/fold0", [.3])
    runs = find_runs(tmp_path, failing)
    names = {name: [(run.variant, run.final("valid_loss")) for run in of_experiment(runs, name)]
             for name in ("optimizer-study", "dropout-ablation", "cnn14", "lenet")}
    assert names == {"optimizer-study": [("adagrad", .1), ("adam", .2)],
                     "dropout-ablation": [("dropout", .3), ("no-dropout", .1)],
                     "cnn14": [("", .3)], "lenet": []}


def test_an_own_run_comes_before_a_shared_one(tmp_path):
    make_run(tmp_path / "optimizer-study/cnn14/adagrad/fold0", [.1])
    make_run(tmp_path / "dropout-ablation/cnn14/no-dropout/fold0", [.3])
    [run] = of_experiment(find_runs(tmp_path, failing), "dropout-ablation")
    assert run.final("valid_loss") == .3


def test_shared_places_are_real_variants():
    assert not {place for place in SHARED.values()} & set(SHARED)


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
    ("config.json", ["data", "label"], 3, "label: found 3, expected one of type str"),
    ("config.json", ["data", "label"], "$x_{", r"name: found '\$x_\{'.* without dollar signs"),
    ("config.json", ["data", "label"], None, "lacks 'label'"),
    ("config.json", ["data", "files"], ["a"], "data.files: found"),
    ("config.json", ["settings", "model"], 3, "model: found 3"),
    ("config.json", ["settings", "seed"], "0", "seed: found '0', expected one of type int"),
    ("config.json", ["settings", "mirror"], "<b>", "settings: mirror: found '<b>'"),
    ("config.json", ["settings", "colour"], 1, "settings: .*unexpected keyword.*colour"),
    ("config.json", ["settings", "learning_rate"], "x", "settings: '<' not supported"),
    ("config.json", ["host"], "x", "host: found 'x', expected an object"),
    ("config.json", ["threads"], [1], r"threads: found \[1\], expected a text"),
    ("config.json", ["theano_flags"], 5, "theano_flags: found 5, expected a text"),
    ("config.json", ["theano_flags"], 'a="', "theano_flags: found 'a=\"', expected one with"),
    ("config.json", ["training_version"], "4", "training_version: found '4', expected a whole"),
    ("config.json", ["code"], ["x"], r"code: found \['x'\], expected a text"),
    ("summary.json", ["valid_rmse_px_no_twin"], 1.5, "lacks 'valid_rmse_px_twin_in_train'"),
    ("summary.json", ["valid_rmse_px_twin_in_train"], 1.5, "lacks 'valid_rmse_px_no_twin'"),
    ("summary.json", ["state"], 3, "state: found 3"),
    ("summary.json", ["valid_rmse_px"], "<script>", "valid_rmse_px: found '<script>', expected a"),
    ("summary.json", ["epochs"], True, "epochs: found True"),
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


def test_what_a_run_need_not_say(tmp_path):
    run = make_run(tmp_path / "a/cnn14/fold0", [.1], summary={
        "valid_rmse_px_twin_in_train": None, "valid_rmse_px_no_twin": None})
    config = json.loads(run.config.read_text())
    config["threads"] = None
    for name in ("host", "theano_flags", "training_version"):
        del config[name]
    run.config.write_text(json.dumps(config))
    assert read_run(run.folder).complete


def test_names_of_folders_are_no_formulas(tmp_path):
    make_run(tmp_path / "a/cnn14/$x$/fold0", [.1])
    with pytest.raises(RunError, match="expected one without dollar signs"):
        read_run(tmp_path / "a/cnn14/$x$/fold0")


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
    (None, "others: found None"), ([], "others: found"), ({**PART, "n": -1}, "others.n: found -1"),
    ({**PART, "n": 1.5}, "others.n: found 1.5"), ({**PART, "n": True}, "others.n: found True"),
    ({**PART, "rmse_px": "1"}, "others.rmse_px: found '1'"), ({"n": 3}, "others.rmse_px: found"),
    ({**PART, "rmse_px": 10 ** 400}, "others.rmse_px: found 1000")]


@pytest.mark.parametrize("part, words", WRONG)
def test_a_file_of_near_duplicates_of_another_kind_costs_no_run(part, words, tmp_path):
    run, said = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5"), []
    run.near_duplicates.write_text(json.dumps({"near_duplicates": PART, "others": part}))
    [result] = find_runs(tmp_path, said.append)
    assert result.near_duplicates is None and words in said[0]


@pytest.mark.parametrize("part, words", WRONG)
def test_near_duplicates_of_another_kind_in_the_summary_are_refused(part, words, tmp_path):
    run = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5",
                   summary={"near_duplicates": {"near_duplicates": PART, "others": part}})
    with pytest.raises(RunError, match=f"summary.json: near_duplicates: {words}"):
        read_run(run.folder)


def test_near_duplicates_of_no_image_are_of_no_use(tmp_path):
    run, said = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5"), []
    run.near_duplicates.write_text(json.dumps(dict.fromkeys(("near_duplicates", "others"),
                                                            {**PART, "n": 0})))
    assert read_run(run.folder, warn=said.append).near_duplicates is None and said
