"""Names of payloads and tasks are safe in paths, URLs and graphs."""

from collections.abc import Iterator

from overton.base import Problem, is_name, json_path
from overton.base.names import NAME_HINT
from overton.schema.draft import Draft


def bad_name(draft: Draft) -> Iterator[Problem]:
    """Names become part of files, addresses and the model's inputs and outputs."""
    for section, _, name, _ in draft.sections():
        if not is_name(name):
            yield Problem(
                message=f"{name!r} is not a valid name of a {section[:-1]}",
                code="schema.bad-name",
                path=draft.path,
                line=draft.line(section, name),
                field=json_path((section, name)),
                hint=NAME_HINT,
            )
