"""The search, on programs that a formula scores."""

import multiprocessing
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from overton.base import OvertonError
from overton.engine import Inline, Processes
from overton.tune import (
    Asked,
    Effort,
    Goal,
    Known,
    Score,
    Study,
    Trial,
    is_poor,
    limits_of,
    parse_study,
    propose,
    render_study,
    search,
    space_of,
)
from overton.tune.files import load_journal, load_score
from tests.tune.tune_factories import KINDS, listed_space, make_formula, make_kept, quality, tune

SPACE = listed_space()


def look(trials: int = 12, **settings) -> Study:
    effort = settings.pop("effort", Effort(trials=trials))
    make = settings.pop("make", make_formula)
    return search(settings.pop("space", SPACE), make, effort=effort, clock=lambda: 0.0, **settings)


def told(study: Study) -> list:
    return [(trial.number, trial.picked, trial.score.value, trial.score.status) for trial in study.trials]


def test_the_first_trial_is_what_a_build_without_a_search_takes() -> None:
    study = look(6)
    assert study.trials[0].picked == SPACE.first
    assert study.best.score.value >= study.trials[0].score.value


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_search_finds_a_program_that_is_nearly_the_best_in_a_tenth_of_the_space(seed: int) -> None:
    best = max(quality(Asked(1, picked, SPACE.choices(picked))) for picked in SPACE)
    study = look(38, seed=seed)
    assert best - study.best.score.value < 0.021
    assert study.best.score.value - study.trials[0].score.value > 0.1


def test_the_same_seed_gives_the_same_trials_and_another_gives_others() -> None:
    assert told(look(14, seed=3)) == told(look(14, seed=3))
    assert told(look(14, seed=3)) != told(look(14, seed=4))


@pytest.mark.long
def test_trials_do_not_depend_on_how_many_workers_there_are_or_which_is_slow() -> None:
    alone = look(14, engine=Inline())
    several = look(14, make=partial(make_formula, None, 0.05), engine=Processes(3))
    assert told(several) == told(alone)
    assert any(trial.score.status == "pruned" for trial in alone.trials)


def test_more_trials_begin_with_those_of_fewer() -> None:
    assert told(look(12))[:7] == told(look(7))


def test_no_program_is_tried_twice_and_a_small_space_is_tried_whole() -> None:
    tokens = {"encoder": ["cnn", "bag"], "layers": [3, 1]}
    space = space_of(tune({"payloads": {"tokens": {**tokens, "size": 64}}}), KINDS, has_slices=False)
    said: list[str] = []
    study = look(50, space=space, observe=lambda event: said.append(event.message))
    assert len(study.trials) == 3
    assert len({space.key(trial.picked) for trial in study.trials}) == 3
    assert "every program of the space was tried: 3 trials" in said


def test_the_quickest_program_is_tried_early_where_the_default_is_too_slow() -> None:
    bounds = {"p99_ms": 0.4}  # of the four sizes one keeps to it
    study = look(4, make=partial(make_formula, bounds), goal=Goal(bounds=bounds))
    assert study.trials[1].picked == listed_space().cheapest
    assert study.trials[1].score.status == "done"
    assert study.best.picked["tokens.size"] == 32
    free = look(4)
    assert listed_space().cheapest not in [trial.picked for trial in free.trials]


@pytest.mark.parametrize("bounds", [{"p99_ms": 0.7}, {"size_mb": 3.5, "p99_ms": 1.0}])
def test_a_program_that_serving_cannot_bear_never_wins(bounds: dict[str, float]) -> None:
    study = look(20, make=partial(make_formula, bounds), goal=Goal(bounds=bounds))
    assert {trial.score.status for trial in study.trials} >= {"done", "infeasible"}
    assert study.best.score.status == "done"
    assert all(getattr(study.best.score, name) <= most for name, most in bounds.items())
    inside = [trial for trial in study.trials if trial.picked["tokens.size"] <= min(100 * bounds["p99_ms"], 64)]
    assert len(inside) > 5  # it looks where there is something to find


def test_where_nothing_can_be_served_the_nearest_is_told() -> None:
    bounds = {"p99_ms": 0.1}
    with pytest.raises(OvertonError, match=r"none of 6 programs keeps to p99_ms 0.1; the nearest, trial \d: too much"):
        look(6, make=partial(make_formula, bounds), goal=Goal(bounds=bounds))


def test_where_all_trials_fail_the_reason_is_told() -> None:
    with pytest.raises(OvertonError, match="none of 2 trials made a program; the first: no such file"):
        look(2, make=lambda: lambda asked, observe: Score("failed", reason="no such file"))


def timed(seconds: float, minutes: float, workers: int = 1, **effort: int) -> list[float]:
    """When each trial of a search of limited time began, in seconds, where each takes so long."""
    now, began = [0.0], []

    def make():
        formula = make_formula()

        def score(asked: Asked, observe) -> Score:
            began.append(now[0])
            if asked.number % workers == 0:  # as many workers end at the same moment
                now[0] += seconds
            return replace(formula(asked, observe), seconds=seconds)

        return score

    engine = Inline()
    engine.workers = workers
    search(SPACE, make, effort=Effort(minutes=minutes, **effort), clock=lambda: now[0], engine=engine)
    return began


@pytest.mark.parametrize("at_once", [1, 4])
def test_no_trial_is_begun_that_would_not_end_in_time(at_once: int) -> None:
    assert timed(30, 5, at_once=at_once) == [30.0 * number for number in range(10)]
    assert timed(31, 5, at_once=at_once)[-1] + 31 <= 300


def test_where_even_the_first_trial_takes_too_long_it_is_the_only_one() -> None:
    assert timed(300, 1) == [0.0]
    assert timed(300, 1, workers=2) == [0.0, 0.0]  # nobody knows how long it takes when the other worker begins


def test_a_limit_of_time_does_not_change_the_trials() -> None:
    assert told(look(14, effort=Effort(trials=14, minutes=1000))) == told(look(14))


def test_poor_trials_are_given_up_at_the_median_of_those_before() -> None:
    def trial(number: int, curve: Iterable[float], status: str = "done", **more) -> Trial:
        return Trial(number, {}, Score(status, 0.5, curve=tuple(curve), n_epochs=10, **more))  # type: ignore[arg-type]

    known = [trial(1, [0.1] * 10), trial(2, [0.3, 0.2] + [0.1] * 8), trial(3, [0.5] * 4, "pruned")]
    assert limits_of(known[:2], {}) == ()
    limits = limits_of(known, {})
    assert is_poor([0.2, 0.2, 0.2], 10, limits)
    assert not is_poor([0.2, 0.3, 0.1], 10, limits)
    assert not is_poor([0.0], 10, limits)  # too early to say
    assert is_poor([0.2, 0.2, 0.2, 0.2, 0.2, 0.2], 20, limits)  # by the share of epochs, not their number
    assert not is_poor([0.0] * 6, 10, limits)  # the third was given up by then, and two are too few
    assert not is_poor([0.0] * 10, 10, limits)  # it is over anyway
    too_slow = [*known[:2], trial(3, [0.9] * 10, p99_ms=3.0)]
    assert limits_of(too_slow, {"p99_ms": 1.0}) == ()


@pytest.mark.long
def test_a_search_begins_with_the_best_of_the_version_before() -> None:
    parent = look(30, seed=1)
    study = look(6, seed=2, parent=("abc", parent))
    assert study.trials[0].picked == SPACE.first
    assert study.parent == "abc"
    assert parent.best.picked in [trial.picked for trial in study.trials[1:3]]
    assert study.best.score.value >= parent.best.score.value
    later = propose(SPACE, 20, 0, Known(study.trials, parent=parent))
    assert later != propose(SPACE, 20, 0, Known(study.trials))  # its other trials count too


def test_a_study_is_the_same_after_it_was_written() -> None:
    study = look(14)
    assert parse_study(study.to_json()) == study
    assert study.to_json()["best"] == study.best.number
    assert len(study.to_pandas()) == 14
    for value in ({}, {"format": 9}, {**study.to_json(), "trials": [{"number": 1}]}):
        with pytest.raises(OvertonError) as raised:
            parse_study(value)
        assert raised.value.problems[0].code == "search.bad"


def test_what_a_trial_picked_stands_below_its_name_whatever_order_it_was_told_in() -> None:
    space = listed_space()
    swapped = dict(reversed({**space.first, "tokens.size": 256}.items()))  # as of the search of a parent version
    study = Study((Trial(1, swapped, Score("done", 0.5)),), options={knob.name: knob.options for knob in space.knobs})
    assert study.to_pandas().loc[0, list(swapped)].to_dict() == swapped


def test_the_front_holds_what_nothing_beats() -> None:
    def trial(number: int, value: float | None, p99: float | None, status: str = "done") -> Trial:
        return Trial(number, {"size": number}, Score(status, value, p99_ms=p99, size_mb=1.0))  # type: ignore[arg-type]

    given_up = Trial(5, {"size": 5}, Score("pruned", 0.9, curve=(0.5, 0.9), n_epochs=4))
    trials = (
        trial(1, 0.8, 2.0),
        trial(2, 0.9, 3.0),
        trial(3, 0.7, 2.0),
        trial(4, 0.6, 0.5),
        given_up,
        trial(6, None, 0.1, "infeasible"),
    )
    study = Study(trials, options={"size": (1, 2, 3, 4, 5, 6)})
    assert study.front == (2, 1, 4)
    lines = render_study(study).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["2", "1", "3", "4", "5", "6"]
    assert lines[2].split() == ["2", "0.9000", "3.00", "1.0", "best", "size", "2"]
    assert " ".join(lines[6].split()) == "5 - - - pruned size 5; at epoch 2 of 4, 0.9000 in training"
    assert lines[3].split() == ["1", "0.8000", "2.00", "1.0", "front", "as", "without", "a", "search"]


def test_programs_that_were_trained_otherwise_are_equally_quick_to_the_front() -> None:
    def trial(number: int, value: float, p99: float, size: int, rate: float) -> Trial:
        picked = {"size": size, "training.learning_rate": rate}
        return Trial(number, picked, Score("done", value, p99_ms=p99, size_mb=1.0))

    one, same = trial(1, 0.8, 2.0, 64, 0.001), trial(2, 0.9, 3.0, 64, 0.002)
    assert Study((one, same)).front == (2,)
    assert Study((one, same, trial(3, 0.85, 2.5, 128, 0.001), trial(4, 0.7, 1.5, 32, 0.001))).front == (2, 4)


@pytest.mark.long
def test_a_search_that_is_killed_goes_on_with_the_trials_that_are_not_over(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_killed_at, args=(tmp_path, 5))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    assert (tmp_path / "log").read_text().split() == ["1", "2", "3", "4", "5"]
    journal = load_journal(tmp_path)
    assert [trial.number for trial in journal.done] == [1, 2, 3, 4]
    assert [one["number"] for one in journal.running] == [5]
    assert sorted(journal.begun) == [1, 2, 3, 4, 5]
    study = look(12, make=partial(make_kept, tmp_path), known=partial(load_score, tmp_path))
    assert (tmp_path / "log").read_text().split()[5:] == [str(number) for number in range(5, 13)]
    assert told(study) == told(look(12))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_search_that_goes_on_tells_which_trials_are_known(tmp_path: Path, workers: int) -> None:
    kept = {"make": partial(make_kept, tmp_path), "known": partial(load_score, tmp_path)}
    look(3, **kept)
    lines: list[str] = []
    engine = Processes(workers) if workers else None
    look(5, **kept, engine=engine, observe=lambda event: lines.append(event.message))
    over = [line for line in lines if "; the best so far" in line or "; best:" in line]
    assert ["known from an earlier run" in line for line in over] == [True, True, True, False, False]
    assert [" s; " in line for line in over] == [False, False, False, True, True]


@pytest.mark.long
def test_a_trial_that_ends_every_worker_has_failed_and_the_search_goes_on(tmp_path: Path) -> None:
    study = look(6, make=partial(make_kept, tmp_path, 3), engine=Processes(2))
    assert [trial.score.status for trial in study.trials].count("failed") == 1
    assert "3 workers ended" in study.trials[2].score.reason
    assert study.best.number != 3


def test_a_trial_that_failed_is_tried_once_more_when_the_search_is_taken_up(tmp_path: Path) -> None:
    look(4, make=partial(make_kept, tmp_path, unlucky=3), known=partial(load_score, tmp_path))
    failing = look(6, make=partial(make_kept, tmp_path, unlucky=3), known=partial(load_score, tmp_path))
    assert [trial.score.status for trial in failing.trials].count("failed") == 1
    study = look(6, make=partial(make_kept, tmp_path), known=partial(load_score, tmp_path))
    assert told(study) == told(look(6))
    assert (tmp_path / "log").read_text().split()[:8] == ["1", "2", "3", "4", "3", "5", "6", "3"]


def test_a_damaged_journal_is_no_journal(tmp_path: Path) -> None:
    look(3, make=partial(make_kept, tmp_path))
    asked = Asked(2, {}, SPACE.base)
    (tmp_path / "trial-0002.json").write_text('{"format": 1, "num')
    assert load_score(tmp_path, asked) is None
    assert [trial.number for trial in load_journal(tmp_path).done] == [1, 3]
    picked = load_journal(tmp_path).done[0].picked
    assert load_score(tmp_path, Asked(1, {**picked, "slices": "on"}, SPACE.base)) is None  # another program's score
    assert load_score(tmp_path, Asked(1, picked, SPACE.base)) is not None


def test_a_search_without_optuna_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(OvertonError, match=r"pip install 'overton\[search\]'"):
        look(2)


def _killed_at(folder: Path, number: int) -> None:
    look(12, make=partial(make_kept, folder, number), known=partial(load_score, folder))
