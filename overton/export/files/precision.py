"""Whether a version serves in float32 or in int8: measured on its own records, proved on dev, and said.

int8 makes dense layers quicker and brings operators of its own, so it is measured. It rounds, which is a price, so it
must bring more than a little; docs/decisions/0025-other-runtimes.md tells the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpy import ndarray

from overton.artifact import Artifact, Runtime
from overton.base import Event, Observe, OvertonError, ignore
from overton.codec import Encoder, Predictions
from overton.compile import Tuning
from overton.data import GOLD, Dataset, Pool, RecordParser, Tags, gold_of, pack, tag_mask
from overton.evaluate import Gate, compare_predictions, main_scores
from overton.export.files.quantise import quantised
from overton.export.golden import load_onnx
from overton.export.speed import milliseconds

RECORDS = 50
QUICK_MS = 0.1  # a model so quick is a small part of any request
LEAST_SPEEDUP = 1.25
BAND = 1.1  # how much more or less that must be to change what the version before serves in: measurements vary
TOLD = 3
MOST_LOSS = 0.005  # of the main metric of any task on dev, whatever the gate says: a small dev shows little

Predict = Callable[[Dataset, Runtime, ndarray], Mapping[str, Predictions]]


@dataclass(frozen=True, slots=True)
class Precision:
    """What was chosen, as it stands in `lineage.json`.

    Attributes:
        chosen: `fp32` or `int8`.
        why: The reason, for a person.
        fp32_ms: Milliseconds of the model for a single record, on one thread; None where it was not measured.
        int8_ms: The same quantised.
        fp32_mb: Size of the model, in millions of bytes.
        int8_mb: The same quantised.
        gate: Digest of the gate that refused int8, as another may not; None where none did.
    """

    chosen: str
    why: str
    fp32_ms: float | None = None
    int8_ms: float | None = None
    fp32_mb: float | None = None
    int8_mb: float | None = None
    gate: str | None = None


def choose_precision(
    artifact: Artifact,
    dataset: Dataset,
    predict: Predict,
    sample: Sequence[bytes],
    tuning: Tuning,
    gate: Gate | None = None,
    *,
    fits: Callable[[Artifact], bool] | None = None,
    before: str = "",
    observe: Observe = ignore,
) -> tuple[Artifact, dict[str, Any]]:
    """The version with the model that it serves, and what was chosen and why.

    Args:
        artifact: The version, its model in float32.
        dataset: The records; those of training tell how activations are rounded, those of dev with gold decide.
        predict: Predicts some records of a data set.
        sample: Records to measure on, lines of a data file.
        tuning: What the engineer pinned: `int8` of `serving` is `auto`, `on` (unless the gate refuses it) or `off`.
        gate: What int8 must keep to beside float32; the defaults where None.
        fits: Whether a version keeps to the bounds of serving: where float32 does not, int8 need not be quicker. None
            where there are no bounds.
        before: What the version before serves in, `fp32` or `int8`; empty for none.
        observe: Told of the choice.
    """
    asked, model = tuning.serving.get("int8", "auto"), artifact.files["model.onnx"]
    if asked == "off":
        chosen, kept = Precision("fp32", "switched off by the tuning"), model
    else:
        wanted = asked == "on" or (fits is not None and not fits(artifact))
        least = LEAST_SPEEDUP * {"int8": 1 / BAND, "fp32": BAND}.get(before, 1)
        chosen, kept = _measured(artifact, dataset, predict, sample, 0 if wanted else least, gate or Gate())
    observe(Event("export", f"{chosen.chosen}: {chosen.why}"))
    told = {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(chosen).items()}
    return replace(artifact, files={**artifact.files, "model.onnx": kept}), told


def _measured(
    artifact: Artifact, dataset: Dataset, predict: Predict, sample: Sequence[bytes], least: float, gate: Gate
) -> tuple[Precision, bytes]:
    """What measurement says; int8 is taken where it is so many times as quick at least, whatever its speed with 0."""
    model = artifact.files["model.onnx"]
    calls = _calls(artifact, sample[:RECORDS])
    fp32 = load_onnx(model)
    alone = milliseconds({"fp32": fp32}, calls)["fp32"]
    if alone < QUICK_MS and least:
        return Precision("fp32", f"a record takes the model {alone:.2f} ms, which leaves nothing to gain", alone), model
    try:
        small, int8 = quantised(artifact, dataset)
    except ValueError as error:
        return Precision("fp32", f"the model cannot be quantised: {error}", alone), model
    times = milliseconds({"fp32": fp32, "int8": int8}, calls)
    figures = (times["fp32"], times["int8"], len(model) / 1e6, len(small) / 1e6)
    speed = f"{times['int8']:.2f} ms a record in place of {times['fp32']:.2f}"
    if times["fp32"] < least * times["int8"]:
        why = f"int8 takes {speed}, and is taken from {least:.3g} times as quick on"
        return Precision("fp32", why, *figures), model
    other = replace(artifact, files={**artifact.files, "model.onnx": small})
    refusal, change, fallen = _change(artifact, other, dataset, predict, gate)
    if refusal:
        refused_by = gate.digest if fallen else None
        return Precision("fp32", f"int8 takes {speed}, but {refusal}", *figures, refused_by), model
    size = f"{figures[3]:.1f} MB in place of {figures[2]:.1f}"
    return Precision("int8", f"{speed}, {size}; on dev the gate lets it pass, {change}", *figures), small


def _calls(artifact: Artifact, lines: Sequence[bytes]) -> list[Mapping[str, ndarray]]:
    """The inputs of single records."""
    parser, encoder, pool = (
        RecordParser(artifact.schema, closed=True),
        Encoder(artifact.program, artifact.strings),
        Pool(),
    )
    return [encoder.encode(pack([parser.parse(line)], artifact.schema, pool)) for line in lines]


def _change(
    fp32: Artifact, int8: Artifact, dataset: Dataset, predict: Predict, gate: Gate
) -> tuple[str, str, list[str]]:
    """Why int8 is refused on dev, nothing where it is not, and what changes most, in words; what the gate refuses."""
    dev = dataset.splits.dev
    gold = {task.name: gold_of(dataset.votes(task.name, [GOLD])) for task in dataset.schema.tasks}
    if not len(dev):
        return "no dev record tells what it loses", "", []
    gate = gate.on(dataset.tags)
    dataset = dataset.with_tags([*_readable(gate.tags, dataset.tags)])
    before, after = (predict(dataset, Runtime(artifact), dev) for artifact in (fp32, int8))
    scores, changed = (main_scores(said, gold, dev) for said in (before, after))
    if not scores:
        return "no gold on dev tells what it loses", "", []
    task = max(scores, key=lambda name: scores[name] - changed[name])
    change = f"{task} goes from {scores[task]:.4f} to {changed[task]:.4f}"
    if scores[task] - changed[task] > MOST_LOSS:
        return f"{change} on dev", change, []
    rows = compare_predictions(before, after, gold, dataset.tags, dev, gate, ids=dataset.ids).rows
    fallen = [f"{row.task} {row.metric} of {row.tag}" for row in rows if row.verdict == "regressed"]
    more = f" and {len(fallen) - TOLD} more" if len(fallen) > TOLD else ""
    return f"the gate refuses {', '.join(fallen[:TOLD])}{more} on dev" if fallen else "", change, fallen


def _readable(names: Iterable[str], tags: Tags) -> Iterator[str]:
    """What a gate names but for expressions over tags that no record has: no row could be of them.

    They are a fault where a version is to be promoted; they are no reason to lose a training.
    """
    for name in names:
        with suppress(OvertonError):
            tag_mask(name, tags)
            yield name
