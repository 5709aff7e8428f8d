"""What steps change: a paired difference and its spread each."""
import itertools
import math
import textwrap

from facekp.plots.style import COLORS, legend_below, literal, new_axes, printed


@printed
def step_changes(groups, title, ax=None):
    """How much each step changes an error: a point, and a bar of the standard deviation.

    Parameters
    ----------
    groups : dict of str -> dict of str -> (mean, sd), px
        Steps by the names of groups, which stand side by side, each in a colour of its own; `sd`
        is NaN for a single run.
    title : str
    ax : matplotlib Axes or None

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> figure = step_changes({"LeNet-5": {"mirror": (-0.1, 0.05)},
    ...                        "VGGNet": {"mirror": (0.1, 0.2)}}, "a title")
    """
    names = list(dict.fromkeys(itertools.chain.from_iterable(groups.values())))
    wrapped = [textwrap.fill(name, 24) for name in names]
    lines = sum(name.count("\n") + 1 for name in wrapped)
    figure, [panel] = new_axes(title, ax, height=0.9 + 0.05 * len(names) + 0.15 * lines
                               + 0.13 * len(groups) * (len(groups) > 1))
    panel.axvline(0, color="0.6", lw=0.8)
    handles = []
    for k, (steps, color) in enumerate(zip(groups.values(), itertools.cycle(COLORS))):
        aside = 0.5 * (k + 0.5) / len(groups) - 0.25
        handles.append(panel.errorbar(
            [mean for mean, _ in steps.values()], [names.index(name) + aside for name in steps],
            xerr=[0 if math.isnan(sd) else sd for _, sd in steps.values()], color=color, fmt="o",
            ms=3.5, elinewidth=1, capsize=2))
    panel.set(xlabel="change of validation RMSE, px", yticks=range(len(names)),
              ylim=(len(names) - 0.4, -0.6))
    panel.set_yticklabels([literal(name) for name in wrapped])
    panel.grid(True, axis="x")
    if len(groups) > 1:
        legend_below(figure, handles, groups)
    return figure
