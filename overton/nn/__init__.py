"""Program to torch module: blocks, heads and their table."""

from overton.nn.blocks import BLOCKS
from overton.nn.masks import FAR, mask_of
from overton.nn.model import Drop, Model, build_model
from overton.nn.recurrent import RecurrentLayer, cut_to, reversal
from overton.nn.transformer import Transformer
from overton.nn.wide import WidePath

__all__ = [
    "BLOCKS",
    "FAR",
    "Drop",
    "Model",
    "RecurrentLayer",
    "Transformer",
    "WidePath",
    "build_model",
    "cut_to",
    "mask_of",
    "reversal",
]
