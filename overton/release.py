"""From data to a live version in one command, for a build server: build, compare, gate, promote; once per data.

The version that the alias names is where the build begins and what its outcome is compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from overton import __version__
from overton.base import Event, Observe, OvertonError, Problem, ignore

if TYPE_CHECKING:
    from overton.application import Application
    from overton.compile import Tuning
    from overton.data import Dataset
    from overton.evaluate import Comparison, Gate
    from overton.version import Version

Outcome = Literal["promoted", "nothing to do", "refused"]
ROLLED_BACK = "gate.rolled-back"
TOLD = ("overton", "schema", "tuning", "seed")  # of what decides a version, what its lineage tells by that name
LOOKED_AT = 50  # newest versions among which one of the same inputs is looked for


@dataclass(frozen=True)
class Release:
    """What became of a release.

    Attributes:
        outcome: `promoted`; `nothing to do` where the alias names a version of the same inputs; or `refused`.
        alias: The alias.
        before: The version that the alias named; None for none.
        version: The version that was built, or that is there already.
        comparison: The comparison with the version before; None where there was none, or nothing was to do.
        refusals: Why it was refused.
    """

    outcome: Outcome
    alias: str
    before: str | None
    version: Version
    comparison: Comparison | None = None
    refusals: tuple[Problem, ...] = ()

    @property
    def title(self) -> str:
        """What became of it, in one line."""
        if self.outcome == "promoted":
            return f"{self.alias}: {self.before or 'nothing'} -> {self.version.id}"
        if self.outcome == "refused":
            whose = "it was rolled back from" if self.refusals[0].code == ROLLED_BACK else "the gate refuses"
            return f"{self.alias} stays {self.before}: {whose} {self.version.id}"
        return f"{self.alias}: {self.version.id} is of the same data, tuning, schema and seed; nothing to do"

    def to_json(self) -> dict[str, Any]:
        """The document of `overton build --promote --json`."""
        return {
            "outcome": self.outcome,
            "alias": self.alias,
            "before": self.before,
            "version": self.version.id,
            "refused": [{"code": refusal.code, "message": refusal.message} for refusal in self.refusals],
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


def release(
    application: Application,
    alias: str,
    *,
    seed: int = 0,
    trials: int | None = None,
    minutes: float | None = None,
    on: str = "local",
    why: str = "",
    max_bad: int = 0,
    observe: Observe = ignore,
) -> Release:
    """Build, and let an alias name the version where the gate lets it pass.

    Args:
        application: The application.
        alias: Such as `live`; one that names nothing yet has no version to begin from or to compare with.
        seed: Seed of everything random.
        trials: Most programs that a search tries; what the tuning says where None.
        minutes: Most minutes of the search; what the tuning says where None.
        on: Where independent pieces run.
        why: The reason, kept in the alias's log.
        max_bad: Go on without the lines that have faults where there are at most so many.
        observe: Told of the progress.

    Raises:
        OvertonError: For whatever the user can put right; never because the gate refuses.
    """
    from overton.comparing import with_gate
    from overton.evaluate.files import load_gate
    from overton.promoting import promote_weighed
    from overton.store import check_alias

    check_alias(alias)
    named = application.store.current(alias)
    live = application.version(named) if named else None
    gate = load_gate(application.directory / "gate.json")  # its faults are told before anything is built
    tuning = application.tuning.searched(trials=trials, minutes=minutes)
    dataset = application.dataset(max_bad=max_bad, observe=observe)
    inputs = inputs_of(application, dataset, tuning, live, seed=seed)
    if live and _is_of(live, inputs, gate):
        return Release("nothing to do", alias, named, live)
    version = _made_before(application, alias, named, inputs, gate)
    if version:
        observe(Event("build", f"version {version.id} of the same inputs is there already"))
        if refusal := _rolled_back(application, alias, version.id):
            return Release("refused", alias, named, version, None, (refusal,))
    else:
        if live:  # a tag that no record has, in an expression, is better told now than after hours
            with_gate(dataset, gate)
        _tell_breaking(application, live, alias, observe)
        version = application.build(
            seed=seed, parent=live, trials=trials, minutes=minutes, on=on, max_bad=max_bad, observe=observe
        )
    comparison = version.compare(live, gate=gate, max_bad=max_bad, observe=observe) if live else None
    weigh = partial(version.weigh, alias, compared=comparison, max_bad=max_bad, observe=observe)
    done = promote_weighed(version.kept_in(), alias, version.id, weigh, why=why, observe=observe)
    outcome: Outcome = "refused" if done.refusals else "promoted"
    return Release(outcome, alias, done.before, version, done.comparison or comparison, done.refusals)


def _tell_breaking(application: Application, live: Version | None, alias: str, observe: Observe) -> None:
    """Tell before a long training what will keep its version from being promoted: it is worth it for another alias."""
    from overton.promoting import breaking_changes, missing_models

    if live:
        clients = f"{alias} ({live.id})"
        old, new = live.artifact.schema.without_classes(), application.schema.without_classes()  # data tell classes
        gone = missing_models(live.artifact.models, application.tuning.models, clients=clients)
        for problem in (*breaking_changes(old, new, clients=clients), *gone):
            observe(Event("build", f"{problem.message}, so what is built now will be refused"))


def _rolled_back(application: Application, alias: str, version: str) -> Problem | None:
    """Why a version is not promoted again that somebody took an alias back from; None where nobody did.

    No gate had seen what was wrong with it, so that the gate would let it pass once more.
    """
    log = application.store.history(alias)
    last = {entry.version: number for number, entry in enumerate(log)}.get(version, -1)
    entry = next((entry for entry in log[last + 1 :] if entry.action == "rollback"), None)
    if last < 0 or entry is None:
        return None
    message = f"{alias} was rolled back from {version} by {entry.who} on {entry.when}"
    hint = "Change the data or the tuning; or promote it by name, with `overton promote`"
    return Problem(message + (f": {entry.why}" if entry.why else ""), ROLLED_BACK, hint=hint)


def inputs_of(
    application: Application, dataset: Dataset, tuning: Tuning, live: Version | None, *, seed: int
) -> dict[str, Any]:
    """What decides what a build makes, as the lineage of its version will tell it.

    Args:
        application: The application.
        dataset: Its records.
        tuning: Its tuning, with the effort of the search.
        live: The version that the alias names: what its search picked tells which pretrained files to look at.
        seed: Seed of everything random.
    """
    from overton.artifact import LARGE
    from overton.pretrained.files import load_pretrained
    from overton.trials import is_searched, picked_before, space_for

    space = space_for(dataset, tuning, application.directory) if is_searched(tuning) else None
    picked = {LARGE: picked_before(live.artifact, space) if live and space else None}
    choices = {
        name: picked.get(name) or tuning.of_model(name).choices(dataset.schema) for name in tuning.models or (LARGE,)
    }
    pretrained = {
        name: load_pretrained(chosen, application.directory, dataset.texts).lineage for name, chosen in choices.items()
    }
    return {
        "overton": __version__,
        "schema": dataset.schema.digest(),
        "data": dataset.digest,
        "tuning": tuning.digest(),
        "pretrained": {name: _digests(parts) for name, parts in pretrained.items()},
        "embeddings": space.embeddings if space else {},  # vectors that lie in the application are one by themselves
        "seed": seed,
    }


def inputs_behind(version: Version) -> dict[str, Any]:
    """What decided what a version is; of one whose lineage does not tell its tuning, that is None."""
    from overton.artifact import LARGE
    from overton.trials import embeddings_behind

    artifact = version.artifact
    lineage = artifact.json("lineage.json")
    told = {name: lineage.get(name) for name in TOLD}
    each = {name: artifact.model(name) for name in artifact.models} or {LARGE: artifact}
    pretrained = {name: _digests(one.json("lineage.json").get("pretrained", {})) for name, one in each.items()}
    embeddings = embeddings_behind(artifact)
    return {**told, "data": lineage.get("data", {}).get("digest"), "pretrained": pretrained, "embeddings": embeddings}


def _digests(pretrained: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Digest of what is pretrained of one model, by payload."""
    return {payload: part.get("digest") for payload, part in pretrained.items()}


def _is_of(version: Version, inputs: Mapping[str, Any], gate: Gate) -> bool:
    """Whether a build of some inputs would make a version again: of int8 that a gate refused, the same one decides."""
    artifact = version.artifact
    each = [artifact.model(name) for name in artifact.models] or [artifact]
    refused_by = {one.json("lineage.json").get("precision", {}).get("gate") for one in each}
    return inputs_behind(version) == inputs and refused_by <= {None, gate.digest}


def _made_before(
    application: Application, alias: str, parent: str | None, inputs: dict[str, Any], gate: Gate
) -> Version | None:
    """The newest version of these inputs that began from this parent: a build would make it again.

    Others may have been built since, so those of the alias's log and some of the newest are looked at: what somebody
    took back does not come again because there was another build.
    """
    store = application.store
    try:
        newest = [entry.id for entry in store.versions()[:LOOKED_AT]]
    except OvertonError:  # all are damaged
        newest = []
    log = [entry.version for entry in store.history(alias)]
    for version in dict.fromkeys([*newest, *reversed(log)]):
        with suppress(OvertonError):  # one that is damaged is none that a build would make again
            if not _may_be(store.json(version, "lineage.json"), parent, inputs):
                continue
            found = application.version(version)
            if _is_of(found, inputs, gate):
                return found
    return None


def _may_be(lineage: Mapping[str, Any], parent: str | None, inputs: Mapping[str, Any]) -> bool:
    """Whether a lineage alone, which is read without the weights, does not tell that a version is of other inputs."""
    told = {name: lineage.get(name) for name in TOLD}
    return lineage.get("parent") == parent and told == {name: inputs[name] for name in TOLD}
