"""Program to torch module: blocks, heads and their table."""

from overton.nn.blocks import BLOCKS
from overton.nn.masks import FAR
from overton.nn.model import Drop, Model, build_model

__all__ = ["BLOCKS", "FAR", "Drop", "Model", "build_model"]
