"""`overton kit`: a version as a folder to deploy, with what serving needs alone."""

import argparse
import re
import shlex
from pathlib import Path

from overton.cli import console

HELP = (
    "write a folder to deploy a version from: Dockerfile, Kubernetes manifest, requirements without torch, smoke test"
)
EXAMPLE = """  overton kit demo@live kit
  python kit/smoke.py
  overton kit demo@live kit --store s3://bucket/demo --pull live"""
NAME = re.compile(r"[a-z]([a-z0-9-]{0,50}[a-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    console.add_version(parser)
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write: a new one, or an empty one")
    parser.add_argument(
        "--name", type=_name, default="overton", metavar="NAME", help="name of the deployment (default overton)"
    )
    parser.add_argument("--image", default="", metavar="IMAGE", help="name of the image (default NAME:ID)")
    parser.add_argument(
        "--pull",
        default="",
        metavar="ALIAS|ID",
        help="do not carry the version: the server fetches this one from --store when it starts",
    )
    console.add_store(parser)
    console.add_common(parser)


def run(options: argparse.Namespace) -> int:
    """Write the kit, and tell how to try it."""
    from overton.application import find_version
    from overton.kit.files import write_kit

    if options.pull and not options.store:
        console.note("overton kit: --pull needs --store URL, where the server finds the version")
        return 2
    version = find_version(options.version, store=options.store)
    store = options.store if options.pull else ""
    if options.pull and version.store:
        named = version.store.resolve(options.pull)  # refuses a name that nothing has
        if named != version.id:
            console.note(f"overton kit: {options.pull} names {named}, and the kit is that of {version.id}")
            return 2
    if store.startswith("file://") or (store and "://" not in store):
        store = str(Path(store.removeprefix("file://")).absolute())  # the server starts in another folder
    kit = write_kit(
        version.artifact,
        options.directory,
        name=options.name,
        image=options.image,
        store=store,
        reference=f"{options.pull}:{version.model}" if version.model else options.pull,
    )
    console.write(f"{options.directory}: version {version.label}, {len(kit.packages)} packages, no torch")
    script = shlex.quote(str(options.directory / "smoke.py"))
    console.write(f"Next: python {script}; {options.directory / 'README.md'} tells the rest")
    return 0


def _name(text: str) -> str:
    """A name that Kubernetes takes; argparse names the option where it is none."""
    if not NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected lower-case letters, digits and hyphens, got {text!r}")
    return text
