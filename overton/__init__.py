"""Overton: build, monitor and improve machine-learned products by editing data, not models.

The stages, in the order of the data, are composed in `overton.pipeline`, the first file to read.
"""

__version__ = "0.1.0"

__all__ = ["Application", "OvertonError", "Version", "__version__", "load"]


def __getattr__(name: str) -> object:
    """The Python API, imported when first asked for: the command line must answer at once."""
    if name in ("Application", "load"):
        from overton import application

        return getattr(application, name)
    if name == "OvertonError":
        from overton.base import OvertonError

        return OvertonError
    if name == "Version":
        from overton.version import Version

        return Version
    raise AttributeError(f"module 'overton' has no attribute {name!r}")
