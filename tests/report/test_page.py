"""`make report`: the page says what the runs say, and nothing from a file becomes markup."""
import json
import os
import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from described import describe
from run_tools import make_run

from facekp.cli import commands as cli
from facekp.report import figures, page as report, tables as report_tables
from facekp.metrics import keypoint_errors
from facekp.report.page import provenance_tables, to_html
from facekp.report.sources import Sources
from facekp.runs.about import About, write_about
from facekp.runs.version import version_of

pytestmark = pytest.mark.usefixtures("quick_pictures")

NAN = float("nan")
VOID = {"meta", "link", "input", "img", "br"}
HOSTILE = ("</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 7 * 7 }} "
           "caf\u00e9")


class Page(HTMLParser):
    """A page taken apart: its elements, its text, the rows of its tables by heading."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.path, self.rows, self.text, self.section = [], [], {}, {}, ""
        self.feed(html)
        self.close()
        assert not self.path, "an element is not closed"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, attrs))
        attrs = dict(attrs)
        if tag == "h2":
            self.section = ""
        if tag == "tr":
            self.rows.setdefault(self.section, []).append([])
        if tag in ("td", "th"):
            self.rows[self.section][-1].append("")
        if tag not in VOID:
            self.path.append((tag, attrs.get("id")))

    def handle_endtag(self, tag):
        assert self.path.pop()[0] == tag

    def handle_data(self, data):
        tag, identity = self.path[-1] if self.path else (None, None)
        key = identity or tag
        self.text[key] = self.text.get(key, "") + data
        self.section += data if tag == "h2" else ""
        if any(name in ("td", "th") for name, _ in self.path):
            self.rows[self.section][-1][-1] += data

    def shape(self):
        """How many elements of which kind and with which attributes there are."""
        return Counter((tag, tuple(name for name, _ in attrs)) for tag, attrs in self.elements)


all_figures = figures.figures


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """Pages without the big library, and without pictures unless a test wants some."""
    monkeypatch.setattr(figures, "figures", lambda sources: {})
    monkeypatch.setattr(report, "plotly_js", lambda: "var Plotly;")


@pytest.fixture
def pictures(monkeypatch):
    """Pages with those pictures that need no Theano."""
    names = "figure09-predictions", "figure05-optimizers", "errors-mean-face", "losses-made-up"
    monkeypatch.setattr(figures, "figures", lambda sources: {
        name: figure for name, figure in all_figures(sources).items() if name in names})


@pytest.fixture
def runs(tmp_path):
    """Complete runs of two seeds, an unfinished one, a diverged one."""
    root = tmp_path / "runs"
    for seed, valid in ((0, [.004, .001, .002]), (1, [.003, .0025, .0026])):
        folder = root / "lenet/lenet5" / (f"seed{seed}" if seed else "") / "fold0"
        run = make_run(folder, valid, model="lenet5", seed=seed, summary={
            "valid_rmse_px": 48 * min(valid) ** .5, "best_epoch": 2, "stopped_by": "patience",
            "seconds_per_epoch": 3.14159})
        y = np.full((4, 30), 40.0)
        (run.folder / "errors.json").write_text(json.dumps(keypoint_errors(y, y + 2)))
    make_run(root / "optimizer-study/cnn14/adam/fold2", [.01, .002], state=None, epochs=500, fold=2)
    make_run(root / "optimizer-study/cnn14/sgd/fold0", [.01, NAN], state="diverged")
    describe(root, "lenet", "optimizer-study")
    return root


def page_of(root):
    return Page(report.page(Sources(root)))


def as_dicts(rows):
    header, *rows = rows
    return [dict(zip(header, row)) for row in rows]


def test_every_run_with_the_numbers_of_its_summary(runs):
    rows = as_dicts(page_of(runs).rows["Runs"])
    assert [(row["experiment"], row["variant"], row["seed"], row["fold"], row["state"])
            for row in rows] == [
        ("LeNet-5", "LeNet-5", "0", "0", "complete, stopped early"),
        ("LeNet-5", "LeNet-5", "1", "0", "complete, stopped early"),
        ("Five optimizers", "adam", "0", "2", "unfinished at epoch 2 of 500"),
        ("Five optimizers", "SGD", "0", "0", "diverged in epoch 2")]
    for seed, row in enumerate(rows[:2]):
        folder = runs / "lenet/lenet5" / (f"seed{seed}" if seed else "") / "fold0"
        summary = json.loads((folder / "summary.json").read_text())
        assert row["validation RMSE, px"] == f"{summary['valid_rmse_px']:.3f}"
        assert row["mean face, px"] == f"{summary['mean_face_rmse_px']:.3f}"
        assert row["seconds per epoch"] == "2"  # the median of the history
        for column, key in (("epochs", "epochs"), ("best epoch", "best_epoch"),
                            ("training images", "n_train"), ("validation images", "n_valid")):
            assert row[column] == str(summary[key])
        assert row["data"] == summary["data"]
    assert rows[2]["validation RMSE, px"] == f"{48 * .002 ** .5:.3f}"
    assert rows[2]["mean face, px"] == rows[2]["validation images"] == "\u2013"


def test_seeds_and_folds_are_in_the_order_of_their_numbers(tmp_path):
    places = [(1, 0, 1), (1, 2, 1), (1, 10, 1), (2, 0, 1), (2, 0, 2), (2, 0, 10), (10, 0, 1)]
    for seed, fold, attempt in places:
        name = f"fold{fold}" + (f"-{attempt}" if attempt > 1 else "")
        make_run(tmp_path / f"lenet/lenet5/seed{seed}" / name, [.1], model="lenet5", seed=seed,
                 fold=fold, folds=20)
    table = report_tables.runs_table(Sources(tmp_path).all_runs)
    assert list(zip(table["seed"].astype(int), table["fold"])) == [
        (seed, f"{fold} (run {attempt})" if attempt > 1 else str(fold))
        for seed, fold, attempt in places]


def test_means_and_deviations_over_seeds(runs):
    found = page_of(runs).rows
    rows = as_dicts(found["LeNet-5 (5.1)"][:2]) + as_dicts(found["Five optimizers (5.3)"][:3])
    assert [row["variant"] for row in rows] == ["LeNet-5", "adam", "SGD"]
    px = [48 * .001 ** .5, 48 * .0025 ** .5]
    assert rows[0]["seeds"] == "0, 1" and rows[0]["folds"] == "0"
    assert rows[0]["validation RMSE, px"] == f"{np.mean(px):.3f} \u00b1 {np.std(px, ddof=1):.3f}"
    assert rows[0]["validation loss"] == "0.002300 \u00b1 0.000424"
    assert rows[2]["validation loss"] == "\u2013"


def charts_of(html):
    """The loss curves in a page by experiment, as plotly takes them."""
    return {title: json.loads(chart) for title, chart in re.findall(
        r'<summary>Loss curves: (.*?)</summary>.*?<script type="application/json">(.*?)</script>',
        html, re.S)}


def test_the_curves_are_the_means_of_the_histories(runs):
    charts = charts_of(report.page(Sources(runs)))
    assert list(charts) == ["LeNet-5 (5.1)", "Five optimizers (5.3)"]
    band, line, *training = charts["LeNet-5 (5.1)"]["data"]
    assert line["x"] == [1, 2, 3] and line["y"] == [.0035, .00175, .0023]
    assert line["name"] == "LeNet-5 (2 runs)" and line["showlegend"]
    np.testing.assert_allclose(line["customdata"], [
        [48 * mean ** .5, 2] for mean in line["y"]], rtol=1e-3)
    assert band["x"] == [1, 2, 3, 3, 2, 1]
    assert band["y"] == [.004, .0025, .0026, .002, .001, .003]
    assert {trace["yaxis"] for trace in training} == {"y2"}
    clean = training[-1]
    assert clean["line"]["dash"] == "dot" and clean["y"] == [None]  # it was not measured
    lines = [trace for trace in charts["Five optimizers (5.3)"]["data"] if trace["showlegend"]]
    assert [trace["name"] for trace in lines] == [
        "adam (unfinished at epoch 2 of 500)", "SGD (diverged in epoch 2)"]
    assert lines[1]["x"] == [1] and lines[1]["mode"] == "markers"


def test_buttons_change_the_axes_of_both_losses(runs):
    [chart] = [chart for title, chart in charts_of(report.page(Sources(runs))).items()
               if "LeNet-5" in title]
    scale, unit = chart["layout"]["updatemenus"]
    changes = {button["label"]: button["args"][0] for button in scale["buttons"] + unit["buttons"]}
    assert changes["linear"] == {"yaxis.type": "linear", "yaxis2.type": "linear"}
    px = changes["RMSE, px"]
    for text, loss in zip(px["yaxis2.ticktext"], px["yaxis2.tickvals"]):
        assert 48 * loss ** .5 == pytest.approx(float(text))


def test_pictures_or_the_reason_why_not(runs, pictures):
    describe(runs, "cnn14")
    page = page_of(runs)
    images = [dict(attrs) for tag, attrs in page.elements if tag == "img"]
    assert [image["alt"] for image in images] == [
        "Figure 5: what figure05-optimizers shows", "Error of each keypoint, best net"]
    assert all(image["src"].startswith("data:image/png;base64,iVBORw0KGgo") for image in images)
    assert "what figure09-predictions shows is not drawn: no complete run" in page.text["p"]
    rows = as_dicts(page.rows["Errors by keypoint"])
    assert rows[0] == {"keypoint": "left eye center", "LeNet-5": "2.00"}
    assert rows[-1] == {"keypoint": "all", "LeNet-5": "2.00"}


def test_a_damaged_file_costs_its_pictures_alone(runs, pictures):
    (runs / "lenet/lenet5/fold0/errors.json").write_text("{")
    page = page_of(runs)
    assert "best net is not drawn: " in page.text["p"]
    assert "errors.json: cannot be read" in page.text["p"]
    assert [dict(attrs)["alt"] for tag, attrs in page.elements if tag == "img"] == [
        "Figure 5: what figure05-optimizers shows"]


def test_an_experiment_that_nobody_knows_has_its_section(runs, pictures):
    write_about(runs, About("made-up", "My idea", "9.9", 15, {"a": "the first"}))
    make_run(runs / "made-up/cnn14/a/fold0", [.01, .002])
    page = page_of(runs)
    titles = [text for text in page.text["h2"].split("\n") if text]
    assert "LeNet-5 (5.1)My idea (9.9)Five optimizers (5.3)" in titles[0]
    assert [dict(attrs)["alt"] for tag, attrs in page.elements if tag == "img"][0] == (
        "Losses of My idea")
    assert "My idea (9.9)" in page.text["summary"] and "the first (" in page.text["script"]


def test_an_experiment_without_a_run_names_its_command(runs):
    describe(runs, "vggnet")
    assert "make vggnet" in page_of(runs).text["code"]


def test_one_core_is_one_core(tmp_path):
    run = make_run(tmp_path / "lenet/lenet5/fold0", [.01], model="lenet5")
    run.config.write_text(run.config.read_text().replace('"cores": 2', '"cores": 1'))
    made = provenance_tables(Sources(tmp_path).all_runs)["Software and machine"]
    assert list(made["machine"]) == ["A CPU, 1 core; Linux"]


def test_provenance_is_there_and_names_no_machine(runs):
    html = report.page(Sources(runs))
    rows = Page(html).rows["Provenance"]
    software, data = as_dicts(rows[:2])[0], as_dicts(rows[2:])[0]
    assert software["versions"] == "facekp 0.1.0" and software["threads"] == "1"
    assert software["git revision"] == "abc" and software["training version"] == str(
        version_of(json.loads((runs / "lenet/lenet5/fold0/config.json").read_text())))
    assert software["machine"] == "A CPU, 2 cores; Linux" and software["runs"] == "4"
    assert list(data.values())[:3] == ["a test's faces", "training.csv", "12ab"]
    assert data["seeds"] == "0, 1"
    assert "secret-host" not in html and "/home/someone" not in html


def test_the_paper_beside_ours(runs):
    page = page_of(runs)
    rows = as_dicts(page.rows["LeNet-5 (5.1)"][2:])
    assert rows[0]["the paper"] == "LeNet-5: score 3.35" and rows[0]["data"] == "a test's faces"
    assert rows[0]["ours"].startswith("validation RMSE 1.959 \u00b1 0.62")


# ---- what comes from files stays text ------------------------------------------------------------

def spoiled(root, text):
    """Write a few runs with a text wherever a file or a folder can hold one."""
    name = text.replace("/", "\\")
    for k, variant in enumerate((name, "adam")):
        run = make_run(root / name / "cnn14" / variant / "fold0", [.01, .002], label=text + str(k),
                       files={text: text})
        config = json.loads(run.config.read_text())
        config.update(versions={text: text}, git={"revision": text, "dirty": [text]}, code=text,
                      host={"cpu": text, "cores": text, "system": text}, threads=text,
                      engine={text: text}, test_data={text: text})
        run.config.write_text(json.dumps(config))
        run.summary.write_text(json.dumps({**json.loads(run.summary.read_text()), "data": text,
                                           "stopped_by": text}))
    write_about(root, About(name, text, text, 5, {name: text, "adam": text + "1"}, figures=[
        {"name": "losses-hostile", "shows": text, "kind": "losses"}]))
    lenet = make_run(root / "lenet/lenet5/fold0", [.01, .002], label=text + "0", model="lenet5")
    y = np.full((4, 30), 40.0)
    (lenet.folder / "errors.json").write_text(json.dumps(keypoint_errors(y, y + 2)))
    sgd = make_run(root / "optimizer-study/cnn14" / name / "fold0", [.01, .002], label=text + "0")
    return sgd


def test_hostile_texts_are_text(tmp_path):
    spoiled(tmp_path / "harmless", "a name " * (len(HOSTILE) // 7))
    spoiled(tmp_path / "hostile", HOSTILE)
    html = report.page(Sources(tmp_path / "hostile"))
    harmless, hostile = page_of(tmp_path / "harmless"), Page(html)
    assert hostile.shape() == harmless.shape()
    rows = hostile.rows["Runs"]
    assert {row[-1] for row in rows[1:]} == {HOSTILE + "0", HOSTILE + "1"}
    assert HOSTILE in {row[0] for row in rows}
    names = [trace["name"].replace("<br>", " ") for chart in charts_of(html).values()
             for trace in chart["data"]]
    assert any("&lt;script&gt;" in name for name in names) and not any(
        "<" in name for name in names)
    assert "alert(1)</script>" not in html and "<img src=x" not in html
    assert "49" not in rows[-1][0]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_a_folder_s_name_need_not_be_utf_8(tmp_path, pictures):
    name = os.fsdecode(b"caf\xe9")
    make_run(tmp_path / "optimizer-study/cnn14" / name / "fold0", [.01, .002], label=HOSTILE)
    assert cli.main(["report", "--out", str(tmp_path), "--synthetic-faces"]) == 0
    assert "caf\\udce9" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_and_nothing_else_may_run(runs):
    page = page_of(runs)
    for tag, attrs in page.elements:
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "srcset", "action", "data", "poster", "formaction"):
                assert value.startswith(("#", "data:")), (tag, name, value[:80])
            assert "url(" not in (value or "") and "//" not in (
                value or "" if name != "src" else ""), (tag, name, value[:80])
    assert not re.search(r"url\(|@import|//", page.text["style"])
    [policy] = [dict(attrs)["content"] for tag, attrs in page.elements
                if dict(attrs).get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy and "unsafe-eval" not in policy
    assert "script-src 'unsafe-inline'" not in policy


def test_links_within_the_page_lead_somewhere(runs):
    page = page_of(runs)
    ids = [value for _, attrs in page.elements for name, value in attrs if name == "id"]
    assert len(set(ids)) == len(ids)
    links = [value[1:] for tag, attrs in page.elements for name, value in attrs
             if tag == "a" and name == "href"]
    assert set(links) <= set(ids) and len(links) == len(set(links)) == 6


# ---- Markdown ------------------------------------------------------------------------------------

def test_markdown():
    html = to_html("a `b<i>` **c** *d*\n\n| x | `y` |\n|---|---|\n| 1 < 2 | **3** |")
    assert html.startswith("<p>a <code>b&lt;i&gt;</code> <strong>c</strong> <em>d</em></p>\n"
                           '<div class="box" tabindex="0"><table>\n')
    assert re.findall("<t[hd]>(.*)</t[hd]>", html) == ["x", "<code>y</code>", "1 &lt; 2",
                                                       "<strong>3</strong>"]
    assert re.findall("<li>([^<]*)</li>", to_html("* a\n  b\n* c")) == ["a\nb", "c"]
    assert to_html("") == ""


@pytest.mark.parametrize("text", ["<b>x</b>", "![x](http://x/x.png)", "[x](javascript:x)",
                                  "<http://x>", "[x]: http://x\n\n[x]"])
def test_markup_and_links_stay_text(text):
    assert not re.search("<(?!/?p>|/p>)", to_html(text))


# ---- the command ---------------------------------------------------------------------------------

def test_the_command_writes_the_page_whole_and_again_the_same(runs, capsys):
    assert cli.main(["report", "--out", str(runs), "--synthetic-faces"]) == 0
    path = runs / "report.html"
    assert capsys.readouterr().out.startswith(f"{path}: 4 runs, ")
    first = path.read_bytes()
    assert first.endswith(b"</html>")
    other = runs.parent / "made" / "page.html"
    assert cli.main(["report", "--out", str(runs), "--to", str(other), "--synthetic-faces"]) == 0
    assert other.read_bytes() == first and [other] == list(other.parent.iterdir())


@pytest.mark.parametrize("arguments, words", [
    (["--out", "{empty}"], "holds no runs; train some first"),
    (["--out", "{runs}/none"], "none: holds no runs"),
    (["--data", "{empty}/none"], "none: found no folder that can be read"),
    (["--to", "{runs}"], "Is a directory"),
    (["--to", "{runs}/lenet/lenet5/fold0/config.json/x.html"], "mend that")])
def test_faults_are_one_line_and_leave_nothing(runs, tmp_path, capsys, arguments, words):
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    arguments = [text.format(runs=runs, empty=tmp_path / "empty") for text in arguments]
    assert cli.main(["report", "--out", str(runs), *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("facekp: error: ") and err.count("\n") == 1 and words in err
    assert sorted(tmp_path.rglob("*")) == before
