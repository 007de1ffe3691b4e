"""Names of the files of a version: those of its own model stand at the top, those of another below `models/NAME/`."""

from collections.abc import Iterable

from overton.base import is_name

MODELS = "models/"


def file_of(model: str, name: str) -> str:
    """The file of a model beside the version's own; of that for no model. The inverse of `split_model`.

    Example:
        >>> file_of("small", "report.json"), file_of("", "report.json")
        ('models/small/report.json', 'report.json')
    """
    return f"{MODELS}{model}/{name}" if model else name


def split_model(name: str) -> tuple[str, str]:
    """The model that a file belongs to, nothing for the version's own, and its name within.

    Example:
        >>> split_model("models/small/model.onnx"), split_model("model.onnx"), split_model("models/../x")
        (('small', 'model.onnx'), ('', 'model.onnx'), ('', 'models/../x'))
    """
    model, slash, inner = name.removeprefix(MODELS).partition("/")
    return (model, inner) if name.startswith(MODELS) and slash and is_name(model) else ("", name)


def models_of(names: Iterable[str]) -> list[str]:
    """The models that a version of those files has beside its own, by name."""
    return sorted({split_model(name)[0] for name in names} - {""})
