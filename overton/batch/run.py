"""A batch run: the plan pinned, its pieces given to an engine, what they tell added up, until every shard is there.

A run that was killed is begun again with the same words: it finds its plan, does the pieces whose shards are missing,
and ends with the same output, byte for byte, however many workers there were.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic

from overton.base import Event, Observe, OvertonError, Problem, count_of, ignore, rough_duration
from overton.base.files import AnyPath, Places, places_of
from overton.batch.files import Output, check_folder, count_newlines, find_inputs, would_name
from overton.batch.plan import Asked, Input, Piece, Plan, make_plan, parse_plan
from overton.batch.work import Counts, Verb, done_before, make_work, shard_name
from overton.engine import Engine

PLAN = "_plan.json"
TOLD_EVERY = 5.0  # seconds
LEAST_TOLD = 10.0  # seconds that work must go on before an end is estimated


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch run did.

    Attributes:
        counts: Records and errors of all shards, those of earlier runs among them.
        shards: Number of shards.
        known: How many of them were there before.
        seconds: How long it took.
        rate: Records a second of this run.
        words: Of word vectors, how many there are.
    """

    counts: Counts
    shards: int
    known: int
    seconds: float
    rate: float
    words: int | None = None

    def __str__(self) -> str:
        """One line for a person."""
        before = f", {self.known:,} of them from before" if self.known else ""
        rate = f", {self.rate:,.0f} records/s" if self.rate else ""
        words = "" if self.words is None else f"{self.words:,} words of "
        remarks = f"; {self.counts.remarks}" if self.counts.remarks else ""
        return (
            f"{words}{count_of(self.counts.records, 'record')} in {count_of(self.shards, 'shard')}{before}, "
            f"{count_of(self.counts.errors, 'error')}; "
            f"{self.seconds:,.1f} s{rate}{remarks}"
        )


def run_batch(
    asked: Asked,
    inputs: Places,
    output: AnyPath,
    verb: Callable[[], Verb],
    engine: Engine,
    *,
    observe: Observe = ignore,
) -> Outcome:
    """Make the shards of some inputs that are missing.

    Args:
        asked: What is wanted of every record.
        inputs: Files, folders, patterns or URLs.
        output: A folder, or a URL.
        verb: Makes what is made of records, in each worker.
        engine: Where pieces are worked on.
        observe: Told of the progress.

    Raises:
        OvertonError: Where there is no input, the output belongs to another plan, or a piece is lost for good.
    """
    begin = monotonic()
    (output,) = places_of(output)
    check_folder(output, "shards go into a folder, but this names one file; `predict_file` makes one file of one")
    place = Output(output)
    inputs = places_of(inputs)
    asked_for = make_plan(asked, _apart(find_inputs(inputs), output))
    _check_outside(asked_for, inputs, place)
    plan = _pinned(asked_for, place, engine, observe)
    there = place.names()
    progress = _Progress(plan, observe, begin)
    work = partial(make_work, replace(plan, pieces=()), output, verb)  # each worker is told its pieces one by one
    known = partial(done_before, plan, place, there)
    for piece, counts in zip(plan.pieces, engine.run(work, plan.pieces, known=known, observe=progress), strict=True):
        progress.finish(piece, counts)
    if not asked.words:  # else the last file is yet to come, of which another run may be writing its draft
        place.remove_drafts()
    return progress.outcome()


def _apart(inputs: list[Input], output: str) -> list[Input]:
    """The inputs, of which none may be a part of the output."""
    within = output.rstrip("/") + "/"
    here = Output(output).absolute()
    for one in inputs:
        if one.place.startswith(within) or (here and one.place.startswith(here + "/")):
            message, hint = "this file is part of the output, and is read", "Name another folder as output"
            raise OvertonError(Problem(message, "application.output-is-input", one.name, hint=hint))
    return inputs


def _check_outside(plan: Plan, inputs: Sequence[str], output: Output) -> None:
    """Refuse an output whose files the inputs would name: begun again, the run would find what it has made itself."""
    firsts = {piece.input: piece for piece in plan.pieces}.values()
    made = [f"words.{plan.asked.format}"] if plan.asked.words else [shard_name(plan, piece) for piece in firsts]
    if any(would_name(inputs, f"{output.absolute() or output.text}/{name}") for name in made):
        message, hint = "the output lies among the inputs, and would be read as well", "Name another folder as output"
        raise OvertonError(Problem(message, "application.output-is-input", output.text, hint=hint))


def _pinned(plan: Plan, output: Output, engine: Engine, observe: Observe) -> Plan:
    """The plan that the output belongs to: this one, from now on, where it belonged to none."""
    content = output.read(PLAN)
    if content is None:
        counted = _counted(plan, engine, observe)
        if output.create(PLAN, counted.to_json()):
            return counted
        content = output.read(PLAN) or b""  # someone else was faster
    known = parse_plan(content, f"{output.text}/{PLAN}")
    different = known.differences(plan)
    if different:
        hint = "Name another folder, or ask again for what this one was begun with"
        message = f"the output belongs to another run: {'; '.join(different[:5])}"
        raise OvertonError(Problem(message, "batch.other-plan", output.text, hint=hint))
    return known


def _counted(plan: Plan, engine: Engine, observe: Observe) -> Plan:
    """The plan with the lines before every piece counted, so that each knows the numbers of its own."""
    behind = {number for number, piece in enumerate(plan.pieces, -1) if piece.newlines < 0}  # pieces with one behind
    asked = [(plan.inputs[plan.pieces[number].input], plan.pieces[number]) for number in sorted(behind)]
    if not asked:
        return plan
    observe(Event("plan", f"counting the lines of {len(asked):,} pieces"))
    found = dict(zip(sorted(behind), engine.run(_make_count, asked), strict=True))
    pieces: list[Piece] = []
    for number, piece in enumerate(plan.pieces):
        before = pieces[-1].newlines + found[number - 1] if piece.newlines < 0 else piece.newlines
        pieces.append(replace(piece, newlines=before))
    return replace(plan, pieces=tuple(pieces))


def _make_count() -> Callable[[tuple[Input, Piece], Observe], int]:
    def count(asked: tuple[Input, Piece], observe: Observe) -> int:
        return count_newlines(*asked)

    return count


class _Progress:
    """Adds up what pieces tell, and tells it on, now and then: the one mutable thing of a run."""

    def __init__(self, plan: Plan, observe: Observe, begin: float) -> None:
        self._plan, self._observe, self._begin = plan, observe, begin
        self._under_way: dict[str, Counts] = {}
        self._read: dict[str, int] = {}  # bytes of the pieces that are under way
        self._seen: set[str] = set()  # pieces of which something was told: of this run
        self._done = self._known = Counts()
        self._n_done = self._n_known = 0
        self._last = begin
        self._total = sum(plan.size(piece) for piece in plan.pieces)
        self._known_bytes = self._done_bytes = 0

    def __call__(self, event: Event) -> None:
        """Take what a piece tells."""
        counts = event.values.get("counts")
        if counts is None:
            self._observe(event)
            return
        self._under_way[event.values["piece"]] = counts
        self._read[event.values["piece"]] = event.values["read"]
        self._seen.add(event.values["piece"])
        now = monotonic()
        if now - self._last >= TOLD_EVERY:
            self._last = now
            self._tell(now)

    def finish(self, piece: Piece, counts: Counts) -> None:
        """Take the result of a piece."""
        self._under_way.pop(piece.name, None)
        self._read.pop(piece.name, None)
        self._n_done += 1
        self._done += counts
        self._done_bytes += self._plan.size(piece)
        if piece.name not in self._seen:
            self._n_known += 1
            self._known += counts
            self._known_bytes += self._plan.size(piece)
        self._seen.discard(piece.name)
        self._observe(Event(self._plan.asked.verb, done=self._n_done, total=len(self._plan.pieces)))

    def _tell(self, now: float) -> None:
        own = sum(self._under_way.values(), self._done)
        seconds = max(now - self._begin, 1e-3)
        parts = [count_of(own.records, "record"), count_of(own.errors, "error")]
        parts.append(f"{(own.records - self._known.records) / seconds:,.0f} records/s")
        read = self._done_bytes - self._known_bytes + sum(self._read.values())
        left = self._total - self._known_bytes - read
        if seconds >= LEAST_TOLD and read > 0:
            parts.append(f"{rough_duration(max(left, 0) / read * seconds)} left")
        message = f"{', '.join(parts)}; {self._n_done:,} of {len(self._plan.pieces):,} shards"
        self._observe(Event(self._plan.asked.verb, message, done=self._n_done, total=len(self._plan.pieces)))

    def outcome(self) -> Outcome:
        """What the run did, when it is over."""
        seconds = monotonic() - self._begin
        new = self._done.records - self._known.records
        return Outcome(self._done, self._n_done, self._n_known, seconds, new / max(seconds, 1e-3))
