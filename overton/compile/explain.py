"""A program as aligned text for a person."""

from overton.compile.program import Program, Setting


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
    what = f"one member of {task.payload}" if task.type == "select" else f"{len(task.classes)} classes"
    return [name, f"{task.type} per {unit}", what, program.outputs[name]]


def _settings(settings: dict[str, Setting]) -> str:
    return " ".join(f"{name}={_setting(value)}" for name, value in settings.items())


def _setting(value: Setting) -> str:
    return "x".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


def _table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [f"  {line}".rstrip() for line in lines]
