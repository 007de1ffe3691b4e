"""Drawings as SVG text, made by the server: coloured by the classes of the style sheet, so that light and dark work."""

from overton.web.svg.calibration import calibration_curve
from overton.web.svg.confusion import confusion_map
from overton.web.svg.history import history_chart, sparkline
from overton.web.svg.interval import bar, change, interval
from overton.web.svg.trials import trials_chart

__all__ = [
    "bar",
    "calibration_curve",
    "change",
    "confusion_map",
    "history_chart",
    "interval",
    "sparkline",
    "trials_chart",
]
