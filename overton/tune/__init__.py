"""Search spaces and search: which of many programs is best on dev and can be served. No torch here.

What scores a program is an argument: whatever trains one, or a formula.
"""

from overton.tune.propose import Known, need_optuna, propose
from overton.tune.prune import is_poor, limits_of
from overton.tune.render import render_picked, render_space, render_study, told_figures
from overton.tune.search import Effort, Goal, search, told_option, told_picked
from overton.tune.space import BOUNDS, Knob, Picked, Space, effective, space_of
from overton.tune.study import Asked, Score, Study, Trial, best_of, parse_study, violations
from overton.tune.useless import useless_settings

__all__ = [
    "BOUNDS",
    "Asked",
    "Effort",
    "Goal",
    "Knob",
    "Known",
    "Picked",
    "Score",
    "Space",
    "Study",
    "Trial",
    "best_of",
    "effective",
    "is_poor",
    "limits_of",
    "need_optuna",
    "parse_study",
    "propose",
    "render_picked",
    "render_space",
    "render_study",
    "search",
    "space_of",
    "told_figures",
    "told_option",
    "told_picked",
    "useless_settings",
    "violations",
]
