"""A program as aligned text for a person."""

from itertools import groupby

from overton.base import aligned
from overton.compile.program import Program, Setting

LONGEST = 40  # characters of a setting that are shown: the configuration of a transformer is a page


def explain(program: Program) -> str:
    """What the model reads, the blocks in the order of computation, and what it predicts."""
    inputs = [[name, _settings(dict(settings))] for name, settings in program.features.items()]
    blocks = [[node.name, node.op, ", ".join(node.inputs), _settings(dict(node.settings))] for node in program.nodes]
    tasks = [_task(program, name) for name in program.outputs]
    parts = [("reads", inputs), ("computes", blocks), ("predicts", tasks)]
    if program.slices:
        parts.append(("slices", [[name] for name in program.slices]))
    return "\n".join(line for title, rows in parts for line in (title, *_table(rows))) + "\n"


def _task(program: Program, name: str) -> list[str]:
    task = program.schema.task(name)
    unit = program.schema.unit(task)
    n_classes = len(task.classes)
    classes = f"{n_classes} class{'' if n_classes == 1 else 'es'}"
    what = f"one member of {task.payload}" if task.type == "select" else classes
    return [name, f"{task.type} per {unit}", what, program.outputs[name]]


def _settings(settings: dict[str, Setting]) -> str:
    return " ".join(f"{name}={_setting(name, value)}" for name, value in settings.items())


def _setting(name: str, value: Setting) -> str:
    """A setting as text; heads are told as in a tuning file, other lists with their repetitions counted."""
    if not isinstance(value, tuple):
        text = str(value)
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    if name == "heads":
        return "x".join(map(str, value))
    runs = [(part, len(list(same))) for part, same in groupby(value)]
    return ",".join(f"{part}*{count}" if count > 1 else str(part) for part, count in runs)


def _table(rows: list[list[str]]) -> list[str]:
    return [f"  {line}".rstrip() for line in aligned(rows)]
