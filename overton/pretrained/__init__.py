"""What was trained elsewhere: the name of vectors or of a transformer to what program, codec and model need of it."""

from overton.pretrained.given import Given, Part
from overton.pretrained.vectors import Found, choose_vectors, read_vectors

__all__ = ["Found", "Given", "Part", "choose_vectors", "read_vectors"]
