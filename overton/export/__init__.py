"""A trained program to the format that serving runs, checked to compute the same."""

from overton.export.graph import Graphs
from overton.export.onnx import to_onnx
from overton.export.parity import Parity, parity
from overton.export.trace import load_model, output_name

__all__ = ["Graphs", "Parity", "load_model", "output_name", "parity", "to_onnx"]
