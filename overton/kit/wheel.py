"""The installed package as a wheel that requires what serving needs and no more.

A wheel is a zip archive of the package with four small texts beside it
(https://packaging.python.org/en/latest/specifications/binary-distribution-format). It is written here, from the very
code that made the version, so that a kit needs neither a package index of one's own nor a build tool.
"""

import base64
import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

LABEL = "serving"
TIME = (1980, 1, 1, 0, 0, 0)  # the same content is the same wheel


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a wheel tells of itself.

    Attributes:
        name: Name of the distribution.
        version: Its version.
        summary: One line.
        python: The Pythons that it runs on.
        license: Its licence, as an SPDX expression.
        requires: Its requirements.
        commands: By name of a command, what it runs, as `module:function`.
    """

    name: str
    version: str
    summary: str
    python: str
    license: str
    requires: Sequence[str]
    commands: Mapping[str, str]

    @property
    def full_version(self) -> str:
        """The version with the mark of a wheel for serving alone."""
        return f"{self.version}{'.' if '+' in self.version else '+'}{LABEL}"


def wheel_name(distribution: Distribution) -> str:
    """Its file name.

    Example:
        >>> wheel_name(Distribution("overton", "0.1.0", "", ">=3.11", "Apache-2.0", (), {}))
        'overton-0.1.0+serving-py3-none-any.whl'
    """
    return f"{distribution.name}-{distribution.full_version}-py3-none-any.whl"


def render_wheel(distribution: Distribution, files: Mapping[str, bytes], output: IO[bytes]) -> None:
    """Write the wheel.

    Args:
        distribution: What it tells of itself.
        files: The files of the package by their path, such as `overton/base/errors.py`.
        output: Where the archive goes.
    """
    folder = f"{distribution.name}-{distribution.full_version}.dist-info"
    commands = "".join(f"{name} = {target}\n" for name, target in distribution.commands.items())
    told = {
        f"{folder}/METADATA": _metadata(distribution),
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: overton kit\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/entry_points.txt": f"[console_scripts]\n{commands}",
    }
    content = {**files, **{name: text.encode() for name, text in told.items()}}
    record = f"{folder}/RECORD"
    lines = [f"{name},sha256={_digest(content[name])},{len(content[name])}" for name in sorted(content)]
    content[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*sorted(name for name in content if name != record), record):
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content[name])


def _metadata(distribution: Distribution) -> str:
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {distribution.name}",
        f"Version: {distribution.full_version}",
        f"Summary: {distribution.summary}",
        f"License-Expression: {distribution.license}",
        f"Requires-Python: {distribution.python}",
        *(f"Requires-Dist: {requirement}" for requirement in distribution.requires),
    ]
    return "\n".join(lines) + "\n"


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
