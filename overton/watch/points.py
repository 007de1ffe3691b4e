"""An event of training to points of curves: a name each, as TensorBoard groups them, and a value."""

from collections.abc import Mapping
from typing import Any

INSIDE = ("forward", "backward", "optimizer")  # parts of a step that are the model's own
AROUND = ("dev", "save")  # what is done between the epochs


def points_of(values: Mapping[str, Any]) -> dict[str, float]:
    """The points of one epoch.

    Args:
        values: The values of the event with which training tells of an epoch.

    Example:
        >>> points_of({"losses": {"Intent": 0.5}, "scores": {"Intent": 0.75}, "learning_rate": 0.001})
        {'loss/Intent': 0.5, 'dev/Intent': 0.75, 'train/learning_rate': 0.001}
    """
    points = {f"loss/{name}": float(value) for name, value in values.get("losses", {}).items()}
    points |= {f"dev/{name}": float(value) for name, value in values.get("scores", {}).items()}
    for tag, scores in values.get("slices", {}).items():
        points |= {f"{tag.replace(':', '/')}/{name}": float(value) for name, value in scores.items()}
    if "learning_rate" in values:
        points["train/learning_rate"] = float(values["learning_rate"])
    seconds = values.get("seconds", {})
    steps = sum(value for name, value in seconds.items() if name not in AROUND)
    if steps and values.get("records"):
        points["train/records_per_second"] = values["records"] / steps
        points["train/share_inside_model"] = share_inside(seconds)
    return points


def told_parts(seconds: Mapping[str, float]) -> str:
    """What the parts of a training took, for a person.

    Args:
        seconds: What each part took in all.

    Example:
        >>> told_parts({"batch": 1.0, "forward": 9.0, "dev": 2.0})
        '90.0 % of the steps inside forward, backward, optimizer; batch 1.0 s, forward 9.0 s, dev 2.0 s'
    """
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    return f"{share_inside(seconds):.1%} of the steps inside {', '.join(INSIDE)}; {parts}".replace("%", " %", 1)


def share_inside(seconds: Mapping[str, float]) -> float:
    """Share of the time of the steps that is spent in the model's own forward, backward and optimiser, from 0 to 1.

    The loss is part of forward, clipping of the optimiser. What is done between the epochs is left out.

    Args:
        seconds: What each part of the steps took.
    """
    steps = sum(value for name, value in seconds.items() if name not in AROUND)
    return sum(seconds.get(name, 0.0) for name in INSIDE) / steps if steps else 0.0
