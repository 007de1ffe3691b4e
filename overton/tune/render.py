"""A search as text for a person: the space before it, the trials after it with the price of quality."""

from collections.abc import Sequence

from overton.base import aligned, count_of
from overton.tune.search import told_option, told_picked
from overton.tune.space import Knob, Space
from overton.tune.study import Study, Trial


def render_space(space: Space) -> str:
    """What a search would choose from; each line a knob, what a build without a search takes first."""
    if not space.knobs:
        return "nothing to choose: every setting is pinned\n"
    rows = [[knob.name, _turned(knob), ", ".join(map(told_option, knob.options))] for knob in space.knobs]
    return f"may be chosen: {space.size:,} combinations\n" + _table(rows)


def render_study(study: Study) -> str:
    """The trials, best first; `front` marks those that no other beats in quality, latency and size at once."""
    first = {name: options[0] for name, options in study.options.items()}
    best, front = study.best, set(study.front)
    bounds = "".join(f", {name} at most {value:g}" for name, value in study.bounds.items())
    head = (
        f"search: {study.objective or 'mean over tasks'} on dev{bounds}; "
        f"{count_of(len(study.trials), 'trial')}, seed {study.seed}"
    )
    rows = [["trial", "quality", "p99 ms", "MB", "", "picked"]]
    for trial in sorted(study.trials, key=_rank):
        mark = "best" if trial is best else "front" if trial.number in front else ""
        score = trial.score
        status = score.status if score.status != "done" else mark
        picked = told_picked(trial.picked, first) or "as without a search"
        if score.status == "pruned":  # what training saw of it is not the quality of what would be served
            picked = f"{picked}; {score.why}"
        rows.append([str(trial.number), *told_figures(score.quality, score.p99_ms, score.size_mb), status, picked])
    return f"{head}\n{_table(rows)}"


def render_picked(study: Study) -> str:
    """What the best trial picked, and of how many."""
    rows = [[name, told_option(value)] for name, value in study.best.picked.items()]
    return f"picked by trial {study.best.number} of {len(study.trials)}\n{_table(rows)}"


def told_figures(quality: float | None, p99_ms: float | None, size_mb: float | None) -> list[str]:
    """Quality on dev, latency and size as columns of a table; a dash for what is not known."""
    values = ((quality, 4), (p99_ms, 2), (size_mb, 1))
    return ["-" if value is None else f"{value:.{digits}f}" for value, digits in values]


def _rank(trial: Trial) -> tuple[bool, float, int]:
    return trial.score.status != "done", -(trial.score.quality or 0.0), trial.number


def _turned(knob: Knob) -> str:
    """The payloads of a knob that turns more than its name tells."""
    payloads = [place[1] for place in knob.places if place[0] == "payloads"]
    return f"of {', '.join(payloads)}" if payloads and "." not in knob.name else ""


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"  {line}\n" for line in aligned(rows))
