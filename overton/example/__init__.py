"""Applications of our own making, to start from and to look around in: numbers in, the text of files out.

`factoid` draws questions over tables of facts (`tables`, `questions`), lists all readings of their names (`linker`),
and has every source (`sources`) label them in its own wrong way. `files` writes the result.
"""

from overton.example.application import ExampleApplication
from overton.example.blank import blank
from overton.example.catalogue import EXAMPLES
from overton.example.factoid import factoid

__all__ = ["EXAMPLES", "ExampleApplication", "blank", "factoid"]
