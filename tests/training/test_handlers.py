"""What happens between epochs: best weights, patience, the bar, the table."""
import io
import math
import os
import sys
from dataclasses import replace

import core_tools
import numpy as np
import pytest

from facekp.runs.folder import Run
from facekp.training import handlers
from facekp.training.handlers import BestWeights, CleanLoss, EpochTable, Progress, Stop


class Parameter:
    def __init__(self, value):
        self.value = value

    def get_value(self):
        return self.value.copy()


class Net:
    """As much of a net as the handlers ask for; its loss is the batch's mean."""

    regression, scores_train, scores_valid, custom_scores = True, [], [], None

    def __init__(self):
        self.W = np.zeros(1, np.float32)

    def weights(self):
        return {"W": Parameter(self.W)}

    def batch_iterator_test(self, X, y):
        return [(X[i:i + 2], y[i:i + 2]) for i in range(0, len(X), 2)]

    def eval_iter_(self, Xb, yb):
        return [np.float32(Xb.mean()), 0]

    def apply_batch_func(self, function, Xb, yb):
        return function(Xb, yb)


def row(epoch, valid_loss, train_loss=0.5):
    return {"epoch": epoch, "train_loss": train_loss, "valid_loss": valid_loss, "dur": 2.0,
            "train_loss_best": True, "valid_loss_best": False}


def epochs_run(valid_losses, patience):
    """How many epochs a training with these validation losses lasts, and what it leaves."""
    net, best, history = Net(), BestWeights(), []
    stop = Stop(best, patience)
    for epoch, loss in enumerate(valid_losses, 1):
        net.W[:] = epoch
        history.append(row(epoch, loss))
        best(net, history)
        try:
            stop(net, history)
        except StopIteration:
            break
    return len(history), best, stop, history


# ---- patience (paper, section 5.1: stop after six epochs without improvement) ------------------


def test_six_epochs_without_improvement():
    n, best, stop, _ = epochs_run([5, 4, 3] + [3.5] * 20, patience=6)
    assert (n, best.epoch, stop.reason) == (9, 3, "patience")


def test_improvement_in_the_sixth_epoch_goes_on():
    n, best, stop, _ = epochs_run([3] + [4] * 5 + [2] + [4] * 20, patience=6)
    assert (n, best.epoch, best.loss) == (13, 7, 2)


def test_an_equal_loss_is_no_improvement():
    n, best, _, _ = epochs_run([3] * 20, patience=2)
    assert (n, best.epoch) == (3, 1)


def test_no_patience_never_stops_a_net_that_changes():
    n, best, stop, _ = epochs_run([1] + [2, 3] * 15, patience=None)
    assert (n, best.epoch, stop.reason) == (31, 1, None)


def test_a_net_that_learns_nothing_any_more_is_stopped():
    still = handlers.FROZEN_EPOCHS
    assert epochs_run([1] + [2] * (still - 1), patience=None)[2].reason is None
    n, _, stop, _ = epochs_run([1] + [2] * 40, patience=None)
    assert (n, stop.reason) == (1 + still, "frozen")


@pytest.mark.parametrize("valid_loss, train_loss", [
    (float("nan"), 0.5), (float("inf"), 0.5), (0.5, float("nan")), (0.5, float("inf"))])
def test_a_loss_that_is_no_number_diverged(valid_loss, train_loss):
    best = BestWeights()
    stop = Stop(best, None)
    history = [row(1, valid_loss, train_loss)]
    best(Net(), history)
    with pytest.raises(StopIteration):
        stop(None, history)
    assert stop.reason == "diverged"


# ---- best weights ------------------------------------------------------------------------------


def test_best_weights_are_the_best_epochs_own():
    _, best, _, history = epochs_run([3, 1, 2], patience=None)
    assert best.epoch == 2 and best.loss == 1
    np.testing.assert_array_equal(best.values["W"], [2])
    assert [r["best"] for r in history] == [1, 1, 0]
    assert history[1]["valid_rmse_px"] == 48 and history[0]["seconds"] == 2


def test_nan_is_never_best():
    _, best, _, history = epochs_run([float("nan")], patience=None)
    assert best.epoch == 0 and best.values == {} and history[0]["best"] == 0


# ---- clean loss --------------------------------------------------------------------------------


def test_clean_loss_every_few_epochs_weighted_by_batch():
    X = np.array([1, 1, 4], np.float32)           # batches of 2 and 1: means 1 and 4
    clean = CleanLoss(X, X, every=3)
    found = []
    for epoch in range(1, 8):
        history = [row(epoch, 1.0)]
        clean(Net(), history)
        found.append(history[0]["train_loss_clean"])
    assert [i + 1 for i, loss in enumerate(found) if not math.isnan(loss)] == [1, 3, 6]
    assert found[0] == 2  # (1 + 1 + 4) / 3, not (1 + 4) / 2


# ---- progress ----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(handlers, "time", clock)
    return clock


def test_bar_on_a_terminal(clock):
    terminal = Terminal()
    progress = Progress(4, 10, terminal)
    clock.now += 3
    progress.batch_finished(None, [])
    assert terminal.getvalue() == "\repoch 1 [#####               ] 0:00:09 left  "
    clock.now += 3
    progress.batch_finished(None, [{"dur": 12.0}])     # epoch 2 of 10
    last = terminal.getvalue().rsplit("\r", 1)[-1]
    # 6 s for the rest of this epoch, 8 more epochs of 12 s
    assert last == "epoch 2 [##########          ] 0:00:06 left, 0:01:42 for all at most  "


def test_bar_is_redrawn_ten_times_a_second_at_most_and_at_the_end(clock):
    terminal = Terminal()
    progress = Progress(100, 1, terminal)
    for _ in range(100):
        clock.now += 0.01
        progress.batch_finished(None, [])
    assert 9 <= terminal.getvalue().count("\r") <= 12
    assert "[" + "#" * 20 + "]" in terminal.getvalue()


def test_bar_is_wiped_whole(clock):
    terminal = Terminal()
    progress = Progress(1, 10000, terminal)
    clock.now += 359999
    progress.batch_finished(None, [{"dur": 3599.0}] * 9998)
    shown = terminal.getvalue().lstrip("\r")
    assert len(shown) <= 79
    progress.epoch_finished(None, [])
    assert terminal.getvalue().endswith("\r" + " " * 79 + "\r")


def test_more_batches_than_announced_do_no_harm(clock):
    terminal = Terminal()
    progress = Progress(1, 1, terminal)
    for _ in range(3):
        clock.now += 1
        progress.batch_finished(None, [])
    assert "0:00:00 left" in terminal.getvalue()


def test_silent_where_there_is_no_terminal(clock):
    stream = io.StringIO()
    progress = Progress(2, 2, stream)
    clock.now += 5
    progress.batch_finished(None, [])
    progress.epoch_finished(None, [])
    assert stream.getvalue() == ""


@pytest.mark.parametrize("seconds, text", [(0, "0:00:00"), (59.6, "0:01:00"), (3661, "1:01:01"),
                                           (360000, "100:00:00")])
def test_clock(seconds, text):
    assert handlers.clock(seconds) == text


# ---- nolearn's table ---------------------------------------------------------------------------


def test_table_has_a_header_once_and_no_colours_in_a_file(capsys):
    table = EpochTable()
    for epoch in (1, 2):
        table(Net(), [row(epoch, 0.25)])
    lines = capsys.readouterr().out.splitlines()
    assert "\033" not in "".join(lines)
    assert len(lines) == 4 and "trn loss" in lines[0]
    assert lines[2].split() == ["1", "0.50000", "0.25000", "2.00000", "2.00s"]
    assert lines[3].split()[0] == "2"


def test_table_has_colours_on_a_terminal(monkeypatch):
    monkeypatch.setattr(handlers.sys, "stdout", Terminal())
    assert "\033[36m0.50000\033[0m" in EpochTable().table(Net(), [row(1, 0.25)])


# ---- streams that are no files -----------------------------------------------------------------


def test_the_bar_goes_to_the_stream_of_the_moment(monkeypatch, clock):
    terminal = Terminal()
    monkeypatch.setattr(handlers.sys, "stderr", terminal)
    progress = Progress(1, 1)
    clock.now += 1
    progress.batch_finished(None, [])
    assert "epoch 1" in terminal.getvalue()


def test_a_terminal_that_goes_away_ends_the_bar_alone(clock):
    terminal = Terminal()
    progress = Progress(2, 1, terminal)
    clock.now += 1
    progress.batch_finished(None, [])
    terminal.close()
    clock.now += 1
    progress.batch_finished(None, [])
    progress.epoch_finished(None, [])
    assert not progress.on_terminal


class Bare:
    """A stream that can do nothing but write."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_training_needs_no_streams(tmp_path):
    """In a fork, as its descriptors 1 and 2 are closed, too."""
    from facekp.training import one_run

    def train(name, stream):
        sys.stdout = sys.stderr = stream
        one_run.train(Run(tmp_path / name), replace(core_tools.CLASSIC, epochs=1),
                      core_tools.training_data())
    with core_tools.quick_training():
        core_tools.build_once(replace(core_tools.CLASSIC, epochs=1))  # compiled with streams
        child = os.fork()
        if not child:
            try:
                os.closerange(1, 3)
                train("none", None)
                bare, closed = Bare(), io.StringIO()
                closed.close()
                train("bare", bare)
                train("closed", closed)
                os._exit(0 if "trn loss" in bare.text else 2)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    done = {path.parent.name for path in tmp_path.rglob("summary.json")}
    assert done == {"none", "bare", "closed"}
