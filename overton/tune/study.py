"""What a search found: its trials with their scores, the best of them, and the price of quality."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from overton.base import OvertonError, Problem, digest_json
from overton.compile import Choices
from overton.tune.space import embeddings_of

if TYPE_CHECKING:
    from pandas import DataFrame

FORMAT = 1
Status = Literal["done", "failed", "infeasible", "pruned"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a search wants to know the score of.

    Attributes:
        number: Number of the trial, from 1.
        picked: The options by name of knob.
        choices: The choices that they make.
        limits: What it has to reach, or it is given up: `overton.tune.is_poor`.
    """

    number: int
    picked: Mapping[str, Any]
    choices: Choices
    limits: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What became of a trial.

    Attributes:
        status: `done`; `pruned` where it was given up early; `infeasible` where it is too slow or too large to serve;
            `failed` where there is no program to be had that way.
        value: The objective on dev; of a pruned one, its best so far; None where it was never trained.
        scores: Main metric on dev by task.
        curve: The objective after each epoch, as far as it is known by then.
        n_epochs: Epochs that were planned.
        p99_ms: Time in which 99 of 100 single queries are answered, in milliseconds; None where not measured.
        size_mb: Size of the exported model, in millions of bytes.
        seconds: How long it took.
        reason: Why it failed, or is infeasible.
        run: Where training kept its state.
    """

    status: Status
    value: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[float, ...] = ()
    n_epochs: int = 0
    p99_ms: float | None = None
    size_mb: float | None = None
    seconds: float = 0.0
    reason: str = ""
    run: str = ""

    @property
    def cost(self) -> dict[str, float | None]:
        """What serving it costs, by the name of the bound on it."""
        return {"p99_ms": self.p99_ms, "size_mb": self.size_mb}

    @property
    def quality(self) -> float | None:
        """The objective of the model that would be served; None of one that was given up, since none was made of it."""
        return None if self.status == "pruned" else self.value

    @property
    def why(self) -> str:
        """Why it failed, is infeasible or was given up: of the last, when, and how good training saw it."""
        if self.status == "pruned" and self.value is not None:
            return f"at epoch {len(self.curve)} of {self.n_epochs}, {self.value:.4f} in training"
        return self.reason


@dataclass(frozen=True, slots=True)
class Trial:
    """One program that was tried: its number from 1, the options by name of knob, and what became of it."""

    number: int
    picked: Mapping[str, Any]
    score: Score


@dataclass(frozen=True, slots=True)
class Study:
    """A search that is over.

    Attributes:
        trials: All of them, in the order of their numbers.
        objective: What was looked for: empty for the mean over tasks of the main metric on dev; else a task, a tag, or
            `TASK@TAG`.
        bounds: What serving must meet: `p99_ms`, `size_mb`.
        options: What there was to choose from, by name of knob.
        seed: The seed.
        parent: The version whose search this one began with; empty for none.
    """

    trials: tuple[Trial, ...]
    objective: str = ""
    bounds: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    seed: int = 0
    parent: str = ""

    @property
    def best(self) -> Trial:
        """The best trial that serving can bear; of equals, the first.

        Raises:
            OvertonError: Where there is none.
        """
        found = best_of(self.trials)
        if found is None:
            raise OvertonError(_none_is_good(self.trials, self.bounds))
        return found

    @property
    def embeddings(self) -> dict[str, list[str]]:
        """What could be chosen as an embedding, by name of knob."""
        return embeddings_of(self.options)

    @property
    def front(self) -> tuple[int, ...]:
        """Numbers of the trials that no other beats in quality, latency and size at once, best quality first.

        Trials that differ in how they were trained are one program, as quick as it was the quickest time it was
        measured: what is more is other work of the machine.
        """
        known = {trial.number: found for trial in self.trials if (found := _figures(trial))}
        program = {trial.number: _program_of(trial) for trial in self.trials}
        least: dict[str, float] = {}
        for number, (_, latency, _) in known.items():
            least[program[number]] = min(latency, least.get(program[number], latency))
        figures = {number: (quality, least[program[number]], size) for number, (quality, _, size) in known.items()}
        kept = [number for number, own in figures.items() if not any(_beats(other, own) for other in figures.values())]
        return tuple(sorted(kept, key=lambda number: (-figures[number][0], number)))

    def to_json(self) -> dict[str, Any]:
        """The JSON value of `search.json`."""
        return {
            "format": FORMAT,
            "objective": self.objective,
            "bounds": dict(self.bounds),
            "options": {name: list(options) for name, options in self.options.items()},
            "seed": self.seed,
            "parent": self.parent or None,
            "best": self.best.number,
            "front": list(self.front),
            "trials": [{"number": one.number, "picked": dict(one.picked), **asdict(one.score)} for one in self.trials],
        }

    def to_pandas(self) -> "DataFrame":
        """One row a trial: number, status and figures, then what was picked."""
        from pandas import DataFrame

        names = [one.name for one in fields(Score)]
        rows = [  # what was picked by name, in whatever order it is told
            [trial.number, *astuple(trial.score), *(trial.picked[name] for name in self.options)]
            for trial in self.trials
        ]
        return DataFrame(rows, columns=["trial", *names, *self.options])


def parse_study(value: Any) -> Study:
    """The study that `Study.to_json` was made of.

    Raises:
        OvertonError: Where the value is none, or one of another format.
    """
    if not isinstance(value, Mapping) or value.get("format") != FORMAT:
        hint = "Build again with this Overton"
        raise OvertonError(Problem(f"this is not a search of format {FORMAT}", "search.bad", hint=hint))
    try:
        read = msgspec.convert(value, _Written)
        trials = tuple(Trial(one["number"], one["picked"], msgspec.convert(_rest(one), Score)) for one in read.trials)
    except (KeyError, msgspec.ValidationError) as error:
        raise OvertonError(Problem(f"not a valid search: {error}", "search.bad")) from None
    options = {name: tuple(values) for name, values in read.options.items()}
    return Study(trials, read.objective, read.bounds, options, read.seed, read.parent or "")


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The best trial that is done and that serving can bear; of equals, the first."""
    done = [trial for trial in trials if trial.score.status == "done" and trial.score.value is not None]
    return max(done, key=lambda trial: (trial.score.value or 0.0, -trial.number), default=None)


def violations(cost: Mapping[str, float | None], bounds: Mapping[str, float]) -> dict[str, float]:
    """By how much of a bound each figure is beyond it, as far as it was measured; below 0 where it is not."""
    found = {name: cost.get(name) for name in bounds}
    return {name: value / bounds[name] - 1 for name, value in found.items() if value is not None}


class _Written(msgspec.Struct):
    objective: str
    bounds: dict[str, float]
    options: dict[str, list[Any]]
    seed: int
    parent: str | None
    trials: list[dict[str, Any]]


def _rest(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in ("number", "picked")}


def _figures(trial: Trial) -> tuple[float, float, float] | None:
    """Quality, latency and size of a trial that made a model; None where one is not known."""
    score = trial.score
    if score.status not in ("done", "infeasible"):
        return None
    if score.value is None or score.p99_ms is None or score.size_mb is None:
        return None
    return score.value, score.p99_ms, score.size_mb


def _program_of(trial: Trial) -> str:
    """What one program is known by: what was picked of its blocks, and its size, which tells int8 from float32."""
    blocks = {name: value for name, value in trial.picked.items() if not name.startswith("training.")}
    return digest_json([blocks, trial.score.size_mb])


def _beats(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether quality, latency and size are nowhere worse than others and somewhere better."""
    (a, *costs), (b, *other_costs) = one, other
    pairs = [(a, b), *((-cost, -known) for cost, known in zip(costs, other_costs, strict=True))]
    return all(mine >= its for mine, its in pairs) and any(mine > its for mine, its in pairs)


def _none_is_good(trials: Sequence[Trial], bounds: Mapping[str, float]) -> Problem:
    """Why a search ends without a program."""
    infeasible = [trial for trial in trials if trial.score.status == "infeasible"]
    if not infeasible:
        reason = trials[0].score.reason if trials else "no trial was begun"
        return Problem(f"none of {len(trials)} trials made a program; the first: {reason}", "search.all-failed")
    nearest = min(infeasible, key=lambda trial: max(violations(trial.score.cost, bounds).values()))
    hint = "Let the search choose smaller blocks (`size`, `encoder`, `wide` false, `int8` auto), or loosen the bound"
    return Problem(
        f"none of {len(trials)} programs keeps to {', '.join(f'{name} {value:g}' for name, value in bounds.items())}; "
        f"the nearest, trial {nearest.number}: {nearest.score.reason}",
        "search.none-feasible",
        hint=hint,
    )
