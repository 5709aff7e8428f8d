"""The folder of a run: what is in it, how it is written, read and checked."""


def read_all(folder):
    """All runs below a folder as a table.

    Parameters
    ----------
    folder : path, ``runs`` or ``results``

    Returns
    -------
    pandas.DataFrame, one row per run
        The columns of :meth:`facekp.runs.result.RunResult.row`; NaN where nothing was measured.

    Examples
    --------
    >>> runs = read_all("results")
    >>> runs.groupby(["title", "label"])["valid_rmse_px"].mean()    # doctest: +SKIP
    """
    import pandas as pd
    from facekp.runs.read import find_runs
    return pd.DataFrame([run.row() for run in find_runs(folder)])
