"""The texts of a kit, with what is particular to it filled in."""

import json
import re
import shlex
from dataclasses import asdict, dataclass
from importlib import resources

__all__ = ["FILES", "Plan", "render"]

# Name in the kit -> name here.
FILES = {
    "Dockerfile": "Dockerfile.txt",
    "README.md": "README.txt",
    "kubernetes.yaml": "kubernetes.txt",
    "smoke.py": "smoke.txt",
}
HOLE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is particular to one kit.

    Attributes:
        name: Name of the deployment and its service.
        image: Name of the image.
        version: Id of the version.
        python: The Python of the image, such as `3.11`.
        wheel: File name of the wheel.
        target: What is served, as `overton serve` takes it: `version`, or `app@live`.
        store: Url of the store that a version is fetched from; empty where the kit carries it.
    """

    name: str
    image: str
    version: str
    python: str
    wheel: str
    target: str
    store: str = ""

    @property
    def carried(self) -> str:
        """The folder of the kit that holds what is served."""
        return self.target.partition("@")[0]


def render(name: str, plan: Plan) -> str:
    """A file of the kit by its name."""
    place = resources.files(__name__).joinpath(FILES[name])
    told = json.dumps(plan.store, ensure_ascii=False)  # a text of YAML and of Python, too
    environment = f"\n            - {{name: OVERTON_STORE, value: {told}}}" if plan.store else ""
    source = f"It carries version {plan.version} in `version/`."
    if plan.store:
        reference = plan.target.rpartition("@")[2]
        source = (
            f"When it starts it fetches the version that `{reference}` names from `{plan.store}`, with the credentials"
        )
        source += " of the usual environment variables."
    # What comes from a store is kept below the application, and the image belongs to root.
    kept = f"{plan.carried}/.overton"
    owned = f"\nRUN mkdir {kept} && chown 10001 {kept}" if plan.store else ""
    mounts = f"\n            - {{name: scratch, mountPath: /srv/{kept}, subPath: overton}}" if plan.store else ""
    holes = {
        **{key: str(value) for key, value in asdict(plan).items()},
        "carried": plan.carried,
        "environment": environment,
        "mounts": mounts,
        "owned": owned,
        "environment_of_image": f"\nENV OVERTON_STORE={_docker_word(plan.store)}" if plan.store else "",
        "from_store": f" --store {shlex.quote(plan.store)}" if plan.store else "",
        "store_text": told,
        "source": source,
    }
    return HOLE.sub(lambda hole: holes[hole.group(1)], place.read_text(encoding="utf-8"))


def _docker_word(text: str) -> str:
    r"""A text as a word of an instruction of a Dockerfile, which knows double quotes and fills in variables.

    Example:
        >>> _docker_word("s3://bucket/demo"), _docker_word("/srv/my $tore")
        ('s3://bucket/demo', '"/srv/my \\$tore"')
    """
    return text if shlex.quote(text) == text else '"' + re.sub(r'([\\"$])', r"\\\1", text) + '"'
