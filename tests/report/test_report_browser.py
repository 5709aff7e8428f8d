"""The report in headless Chromium: no error, nothing loaded, and everything that reacts does."""
import json
import os
import re
import subprocess
from html.parser import HTMLParser

import pytest
from browser_tools import CHROMIUM, QUIET
from run_tools import make_run

from facekp.report import figures, page as report
from facekp.report.sources import Sources

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt install chromium")

# A page beside the report uses it as a reader would, in frames as wide as a phone and a screen.
READER = """<!doctype html><meta charset="utf-8"><body>
<iframe id="page" src="page.html" style="width:400px;height:700px"></iframe>
<iframe id="wide" src="page.html" style="width:1280px;height:700px"></iframe>
<iframe id="spoiled" src="spoiled.html"></iframe><pre></pre>
<script>
const frame = id => document.getElementById(id);
const pause = () => new Promise(done => setTimeout(done, 500));
addEventListener("load", async () => {
  const found = {}, {contentDocument: page, contentWindow: view} = frame("page");
  const all = (query, of = page) => Array.from(of.querySelectorAll(query));
  const mouse = (element, ...kinds) => kinds.forEach(
    kind => element.dispatchEvent(new MouseEvent(kind, {bubbles: true, view})));
  const runs = all("section").find(one => one.querySelector("h2").textContent === "Runs");
  const header = all("th", runs).find(cell => cell.textContent === "validation RMSE, px");
  const column = () => all("tbody tr", runs).map(
    row => Number(row.cells[header.cellIndex].textContent));
  try {
    found.rows = [column()];
    for (const time of [1, 2]) {
      header.querySelector("button").click();
      found.rows.push(column(), header.getAttribute("aria-sort"));
    }
    const [first, second] = all("details.curves");
    const lines = of => all(".scatterlayer .js-line", of).length;
    found.lines = [lines(first), lines(second)];
    found.bands = all(".scatterlayer .js-fill", first).length;
    all("summary", second)[0].click();
    await pause();
    found.lines.push(lines(second));
    found.nets = all(".legendtext", second).map(text => text.textContent);
    mouse(all(".legendtoggle", second)[0], "mousedown", "mouseup");
    await pause();
    found.lines.push(lines(second));
    for (const [label, name] of [["linear", "type"], ["RMSE, px", "tickmode"]]) {
      mouse(all(".updatemenu-button", second).find(
        button => button.textContent === label), "click");
      await pause();
      const {yaxis, yaxis2} = all(".chart", second)[0]._fullLayout;
      found[name] = [yaxis[name], yaxis2[name]];
    }
    found.widths = ["page", "wide"].map(id => frame(id).contentDocument.documentElement).map(
      root => root.scrollWidth - root.clientWidth);
    found.loaded = view.performance.getEntriesByType("resource").map(entry => entry.name);
    found.title = frame("spoiled").contentDocument.title;
    found.tabbed = all("a, button, summary, .box").every(element => element.tabIndex === 0);
  } catch (error) { found.error = String(error); }
  document.querySelector("pre").textContent = JSON.stringify(found);
});
</script>"""


class Pre(HTMLParser):
    """The text of the element pre."""

    text, inside = "", False

    def handle_starttag(self, tag, attrs):
        self.inside = tag == "pre"

    def handle_data(self, data):
        self.text += data if self.inside else ""


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """What a reader finds (dict), and what Chromium wrote to its console (list of str)."""
    folder = tmp_path_factory.mktemp("visit")
    for seed, valid in ((0, [.004, .001]), (10, [.003, .0025])):
        make_run(folder / "runs/lenet/lenet5" / (f"seed{seed}" if seed else "") / "fold0", valid,
                 model="lenet5", seed=seed)
    for variant, valid in (("adam", [.04, .02, .01]), ("<b>sgd<", [.09, .08, .07])):
        make_run(folder / "runs/optimizer-study/cnn14" / variant / "fold0", valid, state=None,
                 epochs=500)
    with pytest.MonkeyPatch.context() as patch:
        drawn = figures.figures
        patch.setattr(figures, "figures", lambda sources: {
            name: figure for name, figure in drawn(sources).items() if "optimizer" in name})
        html = report.page(Sources(folder / "runs"))
    (folder / "page.html").write_text(html, encoding="utf-8")
    (folder / "spoiled.html").write_text(html.replace(
        "<main>", '<main><script>document.title = "hacked"</script>'
        '<img src="http://127.0.0.1:9/pixel.png">'), encoding="utf-8")
    (folder / "reader.html").write_text(READER, encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}",
         "--allow-file-access-from-files", "--enable-logging=stderr",
         "--virtual-time-budget=20000", "--window-size=1400,1600", "--dump-dom",
         (folder / "reader.html").as_uri()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=150,
        env={**os.environ, "HOME": str(folder)})
    parser = Pre()
    parser.feed(done.stdout)
    assert parser.text, done.stderr[-2000:]
    found = json.loads(parser.text)
    assert "error" not in found, found
    return found, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_no_error_and_nothing_loaded(visit):
    found, console = visit
    assert [line for line in console if "spoiled.html" not in line] == []
    assert found["loaded"] == []


def test_what_was_not_in_the_page_when_it_was_written_cannot_run_or_load(visit):
    found, console = visit
    assert found["title"] == "facekp: 4 runs"
    assert any(re.search("inline script.*script-src", line) for line in console), console
    assert any("127.0.0.1:9/pixel.png" in line and "img-src" in line for line in console), console


def test_a_click_sorts_by_number_and_another_one_backwards(visit):
    before, up, ascending, down, descending = visit[0]["rows"]
    # as words, 12.7 would come before 2.4
    assert before == pytest.approx([1.518, 2.4, 12.7, 4.8], abs=0.01)
    assert up == sorted(before) and ascending == "ascending"
    assert down == up[::-1] and descending == "descending"


def test_the_curves_are_drawn_when_they_are_opened_and_switched(visit):
    found = visit[0]
    # the means of two runs; not opened yet; two optimizers; one of them
    assert found["lines"] == [2, 0, 4, 2] and found["bands"] == 2
    assert found["nets"] == ["<b>sgd< (unfinished at epoch 3 of 500)",
                             "adam (unfinished at epoch 3 of 500)"]
    assert found["type"] == ["linear"] * 2 and found["tickmode"] == ["array"] * 2


def test_the_page_scrolls_in_one_direction_and_is_used_with_keys(visit):
    assert visit[0]["widths"] == [0, 0]
    assert visit[0]["tabbed"]
