"""What of an export needs the disk: the folder for another runtime, and the quantiser, which works on files."""

from overton.export.files.folder import TARGETS, Exported, export_version
from overton.export.files.graphs import graph_store
from overton.export.files.precision import Predict, choose_precision
from overton.export.files.quantise import quantised

__all__ = ["TARGETS", "Exported", "Predict", "choose_precision", "export_version", "graph_store", "quantised"]
