"""The example applications by name, as `overton init --example` knows them."""

from collections.abc import Callable, Mapping

from overton.example.application import ExampleApplication
from overton.example.blank import blank
from overton.example.factoid import factoid

# Name -> (number of records, seed) -> application.
EXAMPLES: Mapping[str, Callable[[int, int], ExampleApplication]] = {"blank": blank, "factoid": factoid}
