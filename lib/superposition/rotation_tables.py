"""These tables show stored errors of rotations beside published ones, over sizes, and tuned."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from superposition.constructions import MLPConstruction, laws
from superposition.rotation_studies import DEPTH, PUBLISHED
from superposition.sharing_experiments import ENTRIES, REDUNDANCY
from superposition.study import data
from superposition.sweep import Setting, read_table

# names of predictions, and of what is measured
COLUMNS = {
    "mse": "mse_x",
    "on_mse": "mse_on",
    "inactive_mse": "inactive_x",
    "inactive_on_mse": "inactive_on",
}
SDS, SHARE, LEAST = 3, 0.02, 5e-5  # within which a published number counts as found again
QUANTITIES = ["mse_x", "worst_x", "mse_on", "inactive_x", "inactive_on"]
AS_PUBLISHED: Setting = {
    "code": "prime_step",
    "suppression": 1.0,
    "redundancy": REDUNDANCY,
    "threshold": 0.5,
    "gain": 2.0,
}
# What each variant may choose; everything else stays as published.
VARIANTS = {
    "as published": (),
    "suppression": ("suppression",),
    "code": ("code",),
    "redundancy": ("redundancy",),
    "step": ("threshold", "gain"),
    "all": tuple(AS_PUBLISHED),
}
_CHOOSING = 2  # seeds below this choose, the others report
_TIES = ["suppression", "redundancy"]


@cache
def measured() -> pd.DataFrame:
    """Return the study "rotations": both published sizes, every seed."""
    return read_table(data("rotations.csv"))[0]


def at_published_size() -> pd.DataFrame:
    """Return the rows of the study "rotations" at T = 557, D = 1000, as in figures 5 and 6."""
    table = measured()
    return table[(table[list(PUBLISHED)] == list(PUBLISHED.values())).all(axis=1)]


def published() -> pd.DataFrame:
    """Return the results of the published code.

    The table has the columns `n_circuits`, `width`, `n_active`, `layer`, `quantity`, `mean` and
    `sd`.
    """
    return pd.read_csv(data("published_rotations.csv"), comment="#")


def against_published() -> pd.DataFrame:
    """Compare our errors with those of the published code, for each size, k, layer and quantity.

    `mean` and `sd` are ours over seeds, `published` and `published_sd` theirs. `inside` is true
    where the two means differ by at most `SDS` published standard deviations, the share `SHARE`, or
    `LEAST`, whichever is largest. `inside_both` takes the larger of both standard deviations,
    because some of theirs come from very few seeds.
    """
    theirs = published().rename(columns={"mean": "published", "sd": "published_sd"})
    names = ["n_circuits", "width", "n_active", "layer"]
    long = measured().melt([*names, "seed"], QUANTITIES, "quantity", "value")
    ours = long.groupby([*names, "quantity"])["value"].agg(mean="mean", sd="std").reset_index()
    table = theirs.merge(ours, on=[*names, "quantity"], validate="one_to_one")
    distance = (table["mean"] - table["published"]).abs()
    least = np.maximum(SHARE * table["published"], LEAST)
    table["inside"] = distance <= np.maximum(SDS * table["published_sd"], least)
    both = table[["sd", "published_sd"]].max(axis=1)
    table["inside_both"] = distance <= np.maximum(SDS * both, least)
    columns = ["mean", "sd", "published", "published_sd", "inside", "inside_both"]
    return table[[*names, "quantity", *columns]]


def published_law(table: pd.DataFrame) -> pd.DataFrame:
    """Return what *Rotations* predicts while errors stay small, at each row's size, k and layer.

    `table` has the columns `n_circuits`, `width`, `n_active` and `layer`. The result has them, too,
    and (eq-rotation-law) as mse_x, mse_on = 0, and inactive_x = inactive_on = k q.
    """
    sizes = table[["n_circuits", "width", "n_active", "layer"]]
    n_circuits, layers, widths = (sizes[name] for name in ("n_circuits", "layer", "width"))
    law = laws.published_law(n_circuits, layers, widths, REDUNDANCY, sizes["n_active"])
    law = law.drop(columns="layer").rename(columns=COLUMNS).set_index(sizes.index)
    return sizes.join(law[list(COLUMNS.values())])


def scaling() -> pd.DataFrame:
    """Return the study "rotation_scaling" as means over seeds, with load T d²/D².

    The columns are `width`, `n_circuits`, `n_active`, `layer`, `load` and those of
    `rotation_errors`.
    """
    table = read_table(data("rotation_scaling.csv"))[0].drop(columns="seed")
    names = ["width", "n_circuits", "n_active", "layer"]
    return with_load(table.groupby(names, sort=False).mean().reset_index())


def scaling_lines(widths: tuple[int, ...] = (1000, 2000)) -> pd.DataFrame:
    """Return `published_law` between a width's smallest and largest T; columns as in `scaling`."""
    measured_at = scaling()
    measured_at = measured_at[measured_at["width"].isin(widths)]
    grid = [
        [width, n, k, layer]
        for width, rows in measured_at.groupby("width")
        for n in np.linspace(rows["n_circuits"].min(), rows["n_circuits"].max(), 20)
        for k in sorted(measured_at["n_active"].unique())
        for layer in sorted(measured_at["layer"].unique())
    ]
    table = pd.DataFrame(grid, columns=["width", "n_circuits", "n_active", "layer"])
    return with_load(published_law(table))


def followed_lines(widths: tuple[int, ...] = (1000, 2000)) -> pd.DataFrame:
    """Predict errors by following false indicators.

    The table has five T of each width, and the columns of `scaling`.
    """
    measured_at, tables = scaling(), []
    for width, rows in measured_at.groupby("width"):
        counts = np.linspace(rows["n_circuits"].min(), rows["n_circuits"].max(), 5).round()
        for n in counts.astype(int) if width in widths else []:
            for k in sorted(rows["n_active"].unique()):
                construction = MLPConstruction(int(width), REDUNDANCY)
                table = construction.follow(int(n), int(rows["layer"].max()), int(k))
                tables.append(table.assign(width=width, n_circuits=n, n_active=k))
    return with_load(pd.concat(tables, ignore_index=True).rename(columns=COLUMNS))


def with_load(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with one more column, load: T d²/D²."""
    return table.assign(load=table["n_circuits"] * (ENTRIES / table["width"]) ** 2)


def largest_loads(layer: int, tolerance: float, n_active: int = 1) -> pd.DataFrame:
    """Return the T at which mse_x after `layer` passes `tolerance`, for each width.

    T is interpolated on log scales between the sizes of the study. A width whose errors do not pass
    the tolerance has no row. The table has the columns `width` and `n_circuits`.
    """
    table = scaling().query("layer == @layer and n_active == @n_active")
    rows = []
    for width, found in table.sort_values("n_circuits").groupby("width"):
        errors = np.maximum.accumulate(found["mse_x"])
        if errors.min() < tolerance < errors.max():
            there = np.interp(np.log(tolerance), np.log(errors), np.log(found["n_circuits"]))
            rows.append([width, float(np.exp(there))])
    return pd.DataFrame(rows, columns=["width", "n_circuits"])


@cache
def tuning() -> pd.DataFrame:
    """Return the study "rotation_tuning": every variant, every seed."""
    return read_table(data("rotation_tuning.csv"))[0]


def choose(variant: str, n_active: int) -> Setting:
    """Return a variant's setting of least mean mse_x at the last layer.

    Only the choosing seeds count. `variant` is one of `VARIANTS`, which says what it may choose.
    Among settings whose errors agree to 1 %, the function takes the one nearest to the published,
    with the lower suppression and the larger redundancy.
    """
    names, free = list(AS_PUBLISHED), VARIANTS[variant]
    rows = tuning()
    rows = rows[(rows["seed"] < _CHOOSING) & (rows["layer"] == DEPTH)]
    rows = rows[rows["n_active"] == n_active]
    fixed = [name for name in names if name not in free]
    rows = rows[(rows[fixed] == [AS_PUBLISHED[name] for name in fixed]).all(axis=1)]
    errors = rows.groupby(names, sort=False)["mse_x"].mean().reset_index()
    near = errors[errors["mse_x"] <= 1.01 * errors["mse_x"].min()]
    first = near.sort_values(_TIES, ascending=[True, False], kind="stable").iloc[0]
    return {name: first[name] for name in names}


def chosen(n_active: int | None = None) -> pd.DataFrame:
    """Return the setting that each variant chose for each k, with the columns variant and n_active.

    n_active: the k for which all variants choose; if it is None, each row's k.
    """
    rows = [
        {"variant": variant, "n_active": k, **choose(variant, n_active or k)}
        for k in (1, 2, 3)
        for variant in VARIANTS
    ]
    return pd.DataFrame(rows)


def tuned(n_active: int | None = None) -> pd.DataFrame:
    """Return errors of the chosen settings on the reporting seeds, by variant, n_active and layer.

    `n_active` is as in `chosen`. `mean`, `sd`, `min` and `max` are those of mse_x over seeds, and
    `worst` is the largest error of any seed. The other columns are `mse_on`, `inactive_on` and
    those of the setting.
    """
    names = list(AS_PUBLISHED)
    report = tuning()[tuning()["seed"] >= _CHOOSING]
    by = ["variant", "n_active", "layer"]
    rows = chosen(n_active).merge(report, on=["n_active", *names])
    table = rows.groupby(by, sort=False).agg(
        mean=("mse_x", "mean"),
        sd=("mse_x", "std"),
        min=("mse_x", "min"),
        max=("mse_x", "max"),
        worst=("worst_x", "max"),
        mse_on=("mse_on", "mean"),
        inactive_on=("inactive_on", "mean"),
    )
    return table.reset_index().merge(chosen(n_active), on=["variant", "n_active"])
