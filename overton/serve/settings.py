"""What is served, and how: everything that the process which serves has to know, as a value that can be sent to it."""

from dataclasses import dataclass, field
from pathlib import Path

from overton.artifact import Artifact
from overton.artifact.files import load_artifact
from overton.base import OvertonError, Problem
from overton.serve.limits import Limits
from overton.store import Store

SHORTEST_TOKEN = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version lies.

    Attributes:
        version: Its id in the store; the path of its directory where there is no store.
        store: URL of the store.
        model: The one of its models that is wanted; empty for all.
    """

    version: str
    store: str = ""
    model: str = ""

    def load(self) -> Artifact:
        """Its files, every byte checked.

        Raises:
            OvertonError: Where it is not there, or damaged.
        """
        return Store(self.store).get(self.version) if self.store else load_artifact(Path(self.version))


@dataclass(frozen=True, slots=True)
class Settings:
    """What is served, and how.

    Attributes:
        place: The version that is served first.
        alias: The alias of its store that is followed; empty for none.
        poll_seconds: How often the alias is looked at.
        canary: The version that answers a share of the requests, if any.
        canary_share: That share, from 0 to 1.
        shadow: The version that answers beside, unseen, if any.
        name: The name of the model for clients of the Open Inference Protocol.
        host: Address to bind. Beyond this machine only with a token.
        port: Port to bind; 0 for any that is free, which the first event tells.
        workers: How many processes answer.
        threads: Threads of the model for one call.
        limits: What a request may cost.
        token_file: File that holds the token which clients must show; empty for none.
        log_file: File to which requests are logged; empty for none.
        log_rate: Most records a second that each worker logs.
        drain_seconds: How long to go on answering after the signal to stop.
    """

    place: Place
    alias: str = ""
    poll_seconds: float = 5.0
    canary: Place | None = None
    canary_share: float = 0.0
    shadow: Place | None = None
    name: str = "overton"
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    token_file: str = ""
    log_file: str = ""
    log_rate: float = 10.0
    drain_seconds: float = 0.0


def read_token(settings: Settings) -> str:
    """The token that clients must show; empty where none is asked for.

    Raises:
        OvertonError: Where the file cannot be read, or holds no good token.
    """
    if not settings.token_file:
        return ""
    path = Path(settings.token_file)
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _bad_token(path, str(error)) from None
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise _bad_token(path, f"expected one word of at least {SHORTEST_TOKEN} characters")
    return token


def _bad_token(path: Path, reason: str) -> OvertonError:
    return OvertonError(
        Problem(
            message=f"the token cannot be used: {reason}",
            code="serve.bad-token",
            path=str(path),
            hint="`openssl rand -hex 32` makes a good one",
        )
    )
