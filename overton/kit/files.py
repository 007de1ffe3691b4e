"""A version as a folder to deploy: its artefact, a wheel of the code that runs it, and the texts around them."""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec

import overton
from overton.artifact import Artifact, Runtime
from overton.artifact.files import save_artifact
from overton.base.files import check_new_folder, new_folder
from overton.data import RecordParser
from overton.kit.requirements import canonical, pinned, serving_roots
from overton.kit.templates import FILES, Plan, render
from overton.kit.wheel import Distribution, render_wheel, wheel_name

VERSION, APP = "version", "app"
LEFT_OUT = ("__pycache__",)


@dataclass(frozen=True, slots=True)
class Kit:
    """What was written.

    Attributes:
        directory: The folder.
        packages: Versions of the packages that serving needs, by name.
    """

    directory: Path
    packages: dict[str, str]


def write_kit(
    artifact: Artifact, directory: Path, *, name: str, image: str = "", store: str = "", reference: str = ""
) -> Kit:
    """Write the kit of a version into a new folder: whole, or not at all.

    Args:
        artifact: The version.
        directory: A folder that does not exist, or is empty.
        name: Name of the deployment.
        image: Name of the image; made of the name and the version's id where empty.
        store: Url of a store to fetch the version from at start; the kit carries the version where empty.
        reference: What is fetched from there: an alias, or an id.

    Raises:
        OvertonError: Where the folder holds something, or a package is missing that serving needs.
    """
    check_new_folder(directory, "kit.not-empty")
    packages = pinned(serving_roots(artifact.files), _look)
    about = _distribution(packages)
    plan = Plan(
        name=name,
        image=image or f"{name}:{artifact.id}",
        version=artifact.id,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        wheel=wheel_name(about),
        target=f"{APP}@{reference}" if store else VERSION,
        store=store,
    )
    with new_folder(directory) as draft:
        for file in FILES:
            (draft / file).write_text(render(file, plan), encoding="utf-8")
        (draft / "requirements.txt").write_text(_requirements(plan, packages), encoding="utf-8")
        (draft / "requests.jsonl").write_bytes(_requests(artifact))
        with (draft / plan.wheel).open("wb") as output:
            render_wheel(about, _package(), output)
        if store:
            (draft / APP).mkdir()
            (draft / APP / "schema.json").write_bytes(artifact.files["schema.json"])
        else:
            save_artifact(artifact, draft / VERSION)
    return Kit(directory, packages)


def _look(name: str) -> tuple[str, list[str]] | None:
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return found.version, found.requires or []


def _distribution(packages: dict[str, str]) -> Distribution:
    """What the wheel tells of itself: as the installed package does, with those of its requirements that serve."""
    installed = distribution(overton.__name__)
    lines = [line for line in installed.requires or [] if "extra ==" not in line]
    return Distribution(
        name=overton.__name__,
        version=overton.__version__,
        summary=installed.metadata["Summary"],
        python=installed.metadata["Requires-Python"],
        license=installed.metadata["License-Expression"],
        requires=[line for line in lines if canonical(_first_word(line)) in packages],
        commands={point.name: point.value for point in installed.entry_points.select(group="console_scripts")},
    )


def _first_word(requirement: str) -> str:
    for place, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "._-"):
            return requirement[:place]
    return requirement


def _package() -> dict[str, bytes]:
    """The files of the installed package, as they lie there."""
    root = Path(overton.__file__).parent
    files = sorted(path for path in root.rglob("*") if path.is_file() and not {*path.parts} & {*LEFT_OUT})
    return {f"{root.name}/{path.relative_to(root).as_posix()}": path.read_bytes() for path in files}


def _requirements(plan: Plan, packages: dict[str, str]) -> str:
    lines = [
        f"# What serving version {plan.version} needs, as installed where the kit was made (Python {plan.python}).",
        f"./{plan.wheel}",
        *(f"{name}=={version}" for name, version in packages.items()),
    ]
    return "\n".join(lines) + "\n"


def _requests(artifact: Artifact) -> bytes:
    """The golden records with the labels that the version gives them."""
    parser, runtime = RecordParser(artifact.schema, closed=True), Runtime(artifact)
    lines = []
    for line in artifact.files.get("golden.jsonl", b"").splitlines():
        (labels,) = runtime.predict([parser.parse(line)])
        tasks = {name: {f"overton@{artifact.id}": label} for name, label in labels.items()}
        lines.append(msgspec.json.encode({**msgspec.json.decode(line), "tasks": tasks}) + b"\n")
    return b"".join(lines)
