"""A trained program to the format that serving runs, checked to compute the same."""

from overton.export.onnx import load_model, output_name, to_onnx
from overton.export.parity import Parity, parity

__all__ = ["Parity", "load_model", "output_name", "parity", "to_onnx"]
