"""The figures of a report by pandas, the obvious way: for each tag a filter, then group-bys, then the same formulas.

Frames hold what a figure is made of, by record: sums and their squares, items by label and outcome, gaps by bin. They
are made once (`frames_of`). With the number of tags grows what it takes to find the rows of a tag (`find_rows`) and to
group them (`tag_sums`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy import ndarray

from overton.base.shares import RatioSums, Z, caution, divide, share_interval, wilson
from overton.codec import Predictions
from overton.data import Gold
from overton.evaluate.calibration import BINS, calibrate
from overton.evaluate.intervals import f1_of_share, mean_interval
from overton.evaluate.judge import judge
from overton.evaluate.outcomes import losses_of

RATIOS = {
    "accuracy": ("right", "units"),
    "exact_match": ("right", "units"),
    "precision": ("hit", "said"),
    "recall": ("hit", "held"),
    "micro_f1": ("hit", "either"),
    "log_loss": ("loss", "units"),
}
METRICS = {
    "multiclass": ("accuracy", "log_loss"),
    "bitvector": ("exact_match", "precision", "recall", "micro_f1", "log_loss"),
    "select": ("accuracy", "log_loss"),
}
HIT, MADE_UP, MISSED = range(3)

Figure = tuple[float, float, float]


@dataclass(frozen=True)
class Frames:
    """What the figures of one task are made of.

    Attributes:
        kind: Type of the task.
        n_labels: Number of its classes.
        per_unit: Probabilities of each record.
        records: A row a record: numerators, denominators, their squares and products; for bits the gap of each bin.
        items: A row for each label that is true or predicted: `record`, `label`, `outcome`; None for `select`.
        gaps: A row a record: `bin`, `gap` and `square`; None for bits.
    """

    kind: str
    n_labels: int
    per_unit: int
    records: pd.DataFrame
    items: pd.DataFrame | None
    gaps: pd.DataFrame | None


def frames_of(said: Predictions, gold: Gold) -> Frames:
    """The frames of one task with one unit a record."""
    kind, n = str(said.task.type), len(gold.known)
    judged = judge(said, gold, np.arange(n), np.arange(n))
    columns = {"units": np.ones(n), "loss": losses_of(judged)}
    items = None
    if kind == "bitvector":
        hit, either = said.label & gold.label, said.label | gold.label
        columns |= {"right": (said.label == gold.label).all(axis=1) * 1.0, "hit": hit.sum(axis=1) * 1.0}
        columns |= {"said": said.label.sum(axis=1) * 1.0, "held": gold.label.sum(axis=1) * 1.0}
        columns["either"] = either.sum(axis=1) * 1.0
        record, label = np.nonzero(either)
        outcome = np.where(hit[record, label], HIT, np.where(said.label[record, label], MADE_UP, MISSED))
        items = pd.DataFrame({"record": record, "label": label, "outcome": outcome})
    else:
        right = said.label == gold.label
        columns["right"] = right * 1.0
        if kind == "multiclass":
            wrong, every = np.flatnonzero(~right), np.arange(n)
            outcome = np.concatenate([np.where(right, HIT, MISSED), np.full(len(wrong), MADE_UP)])
            label = np.concatenate([gold.label, said.label[wrong]])
            items = pd.DataFrame({"record": np.concatenate([every, wrong]), "label": label, "outcome": outcome})
    calibration = calibrate(judged)
    products = {}
    for name in METRICS[kind]:
        top, bottom = (columns[part] for part in RATIOS[name])
        products |= {f"{name}.a": top, f"{name}.b": bottom, f"{name}.aa": top * top, f"{name}.ab": top * bottom}
        products |= {f"{name}.bb": bottom * bottom, f"{name}.has": (bottom > 0) * 1.0}
    gaps = None
    if calibration.bin is None:
        gap = calibration.gap.astype(np.float64)
        both = np.column_stack([gap, gap.sum(axis=1)])
        products |= {f"gap{number}": column for number, column in enumerate(both.T)}
        products |= {f"square{number}": column * column for number, column in enumerate(both.T)}
    else:
        gap = calibration.gap
        gaps = pd.DataFrame({"bin": calibration.bin, "gap": gap, "square": gap * gap})
    return Frames(kind, len(said.task.classes), calibration.per_unit, pd.DataFrame(products), items, gaps)


def find_rows(frames: Frames, records: pd.Series) -> tuple[ndarray, ndarray | None]:
    """Which rows of the frames are of some records: of `records` and `gaps`, and of `items`."""
    items = None if frames.items is None else frames.items["record"].isin(records).to_numpy()
    return frames.records.index.isin(records), items


def tag_sums(frames: Frames, bears: ndarray, items_bear: ndarray | None) -> dict[str, object]:
    """What one tag adds up to.

    Args:
        frames: Those of a task.
        bears: Which records bear the tag, bool of shape (record,).
        items_bear: Which items are of these, likewise.
    """
    own = frames.records[bears]
    found: dict[str, object] = {"sums": own.sum()}
    if frames.items is not None:
        items = frames.items[items_bear]
        counts = items.groupby(["outcome", "label"]).size().unstack(fill_value=0)
        counts = counts.reindex(index=range(3), columns=range(frames.n_labels), fill_value=0).to_numpy(np.float64)
        worth = _worth(counts)
        worths = pd.Series(worth[items["outcome"].to_numpy(), items["label"].to_numpy()])
        by_record = worths.groupby(items["record"].to_numpy()).sum()
        found |= {"counts": counts, "square": float((by_record**2).sum()), "records": len(by_record)}
    if frames.gaps is not None:
        found["gaps"] = frames.gaps[bears].groupby("bin").sum().reindex(range(BINS), fill_value=0.0)
    return found


def figures_of(frames: Frames, sums: list[dict[str, object]], noise: ndarray) -> dict[str, list[Figure]]:
    """Value and interval of every metric on every tag; the first is the whole."""
    table = pd.DataFrame([one["sums"] for one in sums])
    found = {}
    for name in METRICS[frames.kind]:
        parts = {part: table[f"{name}.{part}"].to_numpy() for part in ("a", "b", "aa", "ab", "bb")}
        ratio = RatioSums(**parts, records=table[f"{name}.has"].to_numpy())
        low, high = mean_interval(ratio) if name == "log_loss" else share_interval(ratio)
        columns = (ratio.ratio, low, high)
        columns = tuple(map(f1_of_share, columns)) if name == "micro_f1" else columns
        found[name] = list(zip(*(column.tolist() for column in columns), strict=True))
    if frames.items is not None:
        found["macro_f1"] = [_macro_f1(one) for one in sums]
    found["ece"] = [_calibration_error(frames, one, noise) for one in sums]
    return found


def _worth(counts: ndarray) -> ndarray:
    """Derivative of macro F1 by the counts of outcomes, both of shape (outcome, label)."""
    hit, either, f1, n_labels = _by_label(counts)
    share = np.nan_to_num(divide(1 / np.maximum(n_labels, 1), hit + either))
    return np.stack([(2 - 2 * f1) * share, -f1 * share, -f1 * share])


def _by_label(counts: ndarray) -> tuple[ndarray, ndarray, ndarray, int]:
    hit, either = counts[HIT], counts.sum(axis=0)
    return hit, either, np.nan_to_num(divide(2 * hit, hit + either)), int((either > 0).sum())


def _macro_f1(sums: dict) -> Figure:
    hit, either, f1, n_labels = _by_label(sums["counts"])
    records, value = sums["records"], f1.sum() / n_labels
    careful, share = (hit + 1) / (either + 2), divide(hit, either)
    doubt = np.nan_to_num(divide(careful * (1 - careful) - share * (1 - share), either))
    variance = sums["square"] * records / (records - 1)
    variance += (np.maximum(doubt, 0) * (2 / (1 + careful) ** 2) ** 2).sum() / n_labels**2
    middle = (f1_of_share(careful) * (either > 0)).sum() / n_labels
    size = middle * (1 - middle) / variance * caution(np.array([records]))
    low, high = wilson(np.array([value]), size)
    return float(value), float(low[0]), float(high[0])


def _calibration_error(frames: Frames, sums: dict, noise: ndarray) -> Figure:
    if frames.gaps is not None:
        gap, square = (sums["gaps"][name].to_numpy() for name in ("gap", "square"))
        together = square.sum()
    else:
        told = sums["sums"]
        gap = np.array([told[f"gap{number}"] for number in range(BINS)])
        square = np.array([told[f"square{number}"] for number in range(BINS)])
        together = told[f"square{BINS}"]
    n = sums["sums"]["log_loss.b"] * frames.per_unit
    spread, apart = np.sqrt(square), square.sum()
    common = np.clip(np.nan_to_num(divide(together - apart, spread.sum() ** 2 - apart)), 0, 1)
    draw = np.sqrt(1 - common) * noise[:, :BINS] + np.sqrt(common) * noise[:, BINS:]
    drawn, value = np.abs(gap + spread * draw).sum(axis=1) / n, np.abs(gap).sum() / n
    bias, half = (drawn.mean() - value) / (np.sqrt(2) - 1), Z * drawn.std()
    return float(value), float(np.clip(value - bias - half, 0, value)), float(np.clip(value + half, value, 1))
