"""Loss curves that a reader of the HTML page switches and zooms, as plotly.js takes them."""
import html
import itertools
import textwrap

from facekp.analysis.aggregate import mean_curve
from facekp.keypoints import SIZE
from facekp.plots.style import COLORS
from facekp.report.drawings import describe

LINES = (("y", "valid_loss", "solid", "validation"), ("y2", "train_loss", "solid", "training"),
         ("y2", "train_loss_clean", "dot", "training, dropout off"))
"""The axis of each loss, its line, and its name."""

TICKS_PX = (0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 15, 20, 30, 48)


def chart(groups):
    """A figure of plotly.js: validation losses above, training losses below, a colour per group.

    Parameters
    ----------
    groups : dict of str -> list of facekp.runs.result.RunResult

    Returns
    -------
    dict with ``data``, ``layout`` and ``config``, for ``Plotly.newPlot``; None without a group
    """
    if not groups:
        return None
    labels = {run.label for runs in groups.values() for run in runs}
    traces = []
    for color, (name, runs) in zip(itertools.cycle(COLORS), groups.items()):
        note = describe(runs) + (f"; {runs[0].label}" if len(labels) > 1 else "")
        # plotly takes some tags in texts for markup
        lines = [html.escape(line, quote=False)
                 for line in textwrap.wrap(f"{name} ({note})", 44)]
        for axis, column, dash, loss in LINES:
            traces += [{**trace, "name": "<br>".join(lines), "legendgroup": name, "yaxis": axis}
                       for trace in _traces(mean_curve(runs, column), color, dash, loss)]
    return {"data": traces, "layout": layout(), "config": {
        "displaylogo": False, "responsive": True,
        "modeBarButtonsToRemove": ["select2d", "lasso2d"]}}


def _traces(curve, color, dash, loss):
    """The mean of some runs' losses, and the band from the lowest to the highest."""
    some = curve.n > 0
    epoch, n = curve.epoch[some].tolist(), curve.n[some].tolist()
    mean, low, high = ([float(f"{value:.5g}") for value in getattr(curve, name)[some]]
                       for name in ("mean", "low", "high"))
    several = any(count > 1 for count in n)
    if several:
        yield {"x": epoch + epoch[::-1], "y": high + low[::-1], "fill": "toself", "mode": "none",
               "fillcolor": f"{color}30", "hoverinfo": "skip", "showlegend": False}
    yield {"x": epoch or [None], "y": mean or [None],  # without any point plotly names no line
           "line": {"color": color, "dash": dash, "width": 2},
           "mode": "lines" if len(epoch) > 1 else "markers", "showlegend": loss == "validation",
           "customdata": [[float(f"{SIZE / 2 * value ** 0.5:.4g}"), count]
                          for value, count in zip(mean, n)],
           "hovertemplate": loss + ", epoch %{x}: %{y:.4g}, %{customdata[0]} px"
           + " (mean of %{customdata[1]})" * several + "<extra>%{fullData.name}</extra>"}


def layout():
    """Axes, legend, and buttons that change both axes: logarithmic or linear, MSE or px."""
    axis = {"gridcolor": "#e7ebef", "zeroline": False, "automargin": True, "linecolor": "#57606a"}
    loss = {**axis, "type": "log", "exponentformat": "none"}
    in_px = {"tickmode": "array", "tickvals": [(px / SIZE * 2) ** 2 for px in TICKS_PX],
             "ticktext": [f"{px:g}" for px in TICKS_PX]}
    return {
        "xaxis": {**axis, "title": {"text": "epoch", "standoff": 4}, "anchor": "y2"},
        "yaxis": {**loss, "title": {"text": "validation"}, "domain": [0.53, 1]},
        "yaxis2": {**loss, "title": {"text": "training"}, "domain": [0, 0.47]},
        "legend": {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom"},
        "margin": {"l": 50, "r": 10, "t": 76, "b": 40}, "hovermode": "closest",
        "font": {"family": "inherit", "color": "#1b1f24"},
        "updatemenus": [_buttons(0, {"logarithmic": {"type": "log"}, "linear": {"type": "linear"}}),
                        _buttons(1, {"MSE": {"tickmode": "auto"}, "RMSE, px": in_px})]}


def _buttons(right, choices):
    """Buttons at the left or the right above the axes: a text, and what it changes in both."""
    return {"type": "buttons", "direction": "right", "showactive": True, "x": right, "y": 1.02,
            "xanchor": "right" if right else "left", "yanchor": "bottom", "pad": {"b": 2},
            "buttons": [{"label": label, "method": "relayout", "args": [{
                f"{axis}.{name}": value for axis in ("yaxis", "yaxis2")
                for name, value in change.items()}]} for label, change in choices.items()]}
