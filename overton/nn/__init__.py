"""Program to torch module: blocks, heads and their table."""

from overton.nn.blocks import BLOCKS
from overton.nn.masks import FAR
from overton.nn.model import Drop, Model, build_model
from overton.nn.transformer import Transformer

__all__ = ["BLOCKS", "FAR", "Drop", "Model", "Transformer", "build_model"]
