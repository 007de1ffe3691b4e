"""The script that stands beside an exported model: what is common to all runtimes, and how each runs its model."""

from importlib import resources

__all__ = ["render_script"]

MODEL = "# MODEL\n"


def render_script(to: str) -> str:
    """The content of `run.py` for a runtime: `onnx`, `torch`, `coreml` or `tensorflow`."""
    place = resources.files(__name__)
    common = place.joinpath("common.txt").read_text(encoding="utf-8")
    return common.replace(MODEL, place.joinpath(f"{to}.txt").read_text(encoding="utf-8"))
