"""Wrong usage, told as everything else is: by the command that it is about, and with what may be meant."""

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from overton.base import did_you_mean, nearest

_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """The parser of the command line, or of one command: what that does not know is told with its own usage."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        """Parse words, and refuse those that nobody knows here, where their command is still known."""
        options, rest = super().parse_known_args(args, namespace)
        if rest:
            word = rest[0].partition("=")[0]
            if word.startswith("-"):
                known = [name for name in self._option_string_actions if name.startswith("--")]
                near = nearest(word, known, limit=1)
                self.error(f"there is no option {word!r}" + (f". {did_you_mean(word, near)}" if near else ""))
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return options, rest

    def error(self, message: str) -> NoReturn:
        """Tell what is wrong and end, with the choice that may be meant where it is one."""
        found = _CHOICE.search(message)
        near = nearest(found[1], re.findall(r"[\w-]+", found[2]), limit=1) if found else []
        super().error(message + (f". {did_you_mean(found[1], near)}" if found and near else ""))
