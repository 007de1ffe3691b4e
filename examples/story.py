"""The loop that Overton is for, once around: read quality by slice, mend what is poor, build again, compare, promote.

    python examples/story.py [APPLICATION] [--keep DIR] [--updates rules_v2,...]

APPLICATION has a folder `updates/` with supervision that arrived later: its files are the mending. Without one, the
example application of `overton init` is made, in which a phrasing is new: questions of a log that are asked so get
labelled, and a rule settles what its sources are even about. All is built in a copy. Printed are the poor slices, what
became of them, and what the gate says; `docs/story.md` has both outcomes.
"""

import argparse
import gzip
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import overton
from overton.application import Application
from overton.evaluate import ComparedRow, Report, Row
from overton.example import EXAMPLES
from overton.example.files import write_application
from overton.release import Release, release

RECORDS, SEED = 5000, 0
# The poor slices, by task, and the updates of factoid-en that are about them: the fifth file is of another task.
POOR = {"Intent": "eval:rare_intent", "IntentArg": "slice:complex_disambiguation"}
# The example application: a phrasing that is not in its training data, and words on which its sources are even.
NEW_PHRASING = "lineage:template_v3"
AUXILIARIES = ("is", "are", "was", "were", "does", "do", "did")
# Two trainings on the same records with other seeds differ by as much, which no test of two versions can know.
GATE = {"margin": 0.005}
# A person who was asked knows better: as one vote among others, two of five of these labels lose to heuristics that
# share an error.
TRUST = {"supervision": {"trusted": ["annotator"]}}
UPDATES = ("annotate_disagreement", "annotate_disambiguation", "rules_v2", "synthetic_rare_intents")


@dataclass(frozen=True)
class Story:
    """What came of it.

    Attributes:
        before: The report of the first version.
        poor: The slices to mend, by task.
        added: Number of lines of each file that was added, by name.
        outcome: What became of the second version.
        seconds: Processor seconds of the first build, and of the release.
    """

    before: Report
    poor: Mapping[str, str]
    added: Mapping[str, int]
    outcome: Release
    seconds: tuple[float, float]

    def was(self, task: str, tag: str) -> Row:
        """A figure of the first version."""
        return self.before.row(task, "test", tag, self.before.main_metric[task])

    @property
    def rows(self) -> tuple[ComparedRow, ...]:
        """What changed, on whole splits and on the slices that were to be mended."""
        rows = self.outcome.comparison.rows if self.outcome.comparison else ()
        return tuple(row for row in rows if row.tag in ("*", self.poor.get(row.task)))

    @property
    def mended(self) -> bool:
        """Whether every slice is better beyond noise."""
        own = [row for row in self.rows if row.tag != "*"]
        return len(own) == len(self.poor) and all(row.low is not None and row.low > 0 for row in own)


def main() -> None:
    """Tell the story of one application."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("application", nargs="?", type=Path, help="one with updates/; the example where none is given")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="build in this new folder and leave it there")
    parser.add_argument("--updates", default=",".join(UPDATES), help="which files of updates/ are added")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = options.keep or Path(folder) / "app"
        names = options.updates.split(",")
        print(render(tell(options.application, place, names) if options.application else tell_example(place)))


def tell(source: Path, place: Path, updates: Sequence[str] = UPDATES) -> Story:
    """The story of an application with supervision that arrived later."""
    (place / "data").mkdir(parents=True)
    for file in (source / "schema.json", *(source / "data").iterdir()):
        shutil.copyfile(file, place / file.relative_to(source))
    (place / "gate.json").write_text(json.dumps(GATE))

    def mend(application: Application) -> None:
        for name in updates:
            file = f"{name}.jsonl.gz"
            shutil.copyfile(source / "updates" / file, application.directory / "data" / file)
        (application.directory / "tuning.json").write_text(json.dumps(TRUST))

    return once_around(place, POOR, mend)


def tell_example(place: Path, n_records: int = RECORDS) -> Story:
    """The story of the example application: people ask in new ways; such questions of a log are labelled.

    Parts of speech of `is` and its like, on which the sources are even, get a rule: without it they go either way from
    build to build, and the gate refuses versions for it.
    """
    write_application(EXAMPLES["factoid"](n_records, SEED), place)

    def mend(application: Application) -> None:
        dataset, data = application.dataset(), application.directory / "data"
        payloads = dataset.payloads(np.arange(dataset.n_records))
        known = {" ".join(own["tokens"]) for own in payloads}
        asked = [line for line in log_of(n_records) if NEW_PHRASING in line["tags"]]
        write(data / "zz_log.jsonl", [line for line in asked if " ".join(line["payloads"]["tokens"]) not in known])
        train = dataset.splits.train.tolist()
        said = [["AUX" if token in AUXILIARIES else None for token in payloads[row]["tokens"]] for row in train]
        rule = [(name, own) for name, own in zip(dataset.ids(train), said, strict=True) if any(own)]
        write(data / "zz_aux_rule.jsonl", [{"id": name, "tasks": {"POS": {"aux_rule": own}}} for name, own in rule])

    return once_around(place, {"Intent": NEW_PHRASING}, mend)


def write(file: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write a data file."""
    file.write_text("".join(json.dumps(record) + "\n" for record in records))


def log_of(n_records: int) -> Iterator[dict[str, Any]]:
    """Questions that others ask, with gold alone, as people label them for training: the example of another seed."""
    for name, content in EXAMPLES["factoid"](n_records, SEED + 1).files.items():
        for line in content.splitlines() if name in ("data/dev.jsonl", "data/test.jsonl") else ():
            record = json.loads(line)
            tasks = {task: {"gold": said["gold"]} for task, said in record["tasks"].items()}
            tags = ["train", *(tag for tag in record["tags"] if tag not in ("dev", "test"))]
            yield {**record, "id": f"log-{record['id']}", "tasks": tasks, "tags": tags}


def once_around(place: Path, poor: Mapping[str, str], mend: Callable[[Application], None]) -> Story:
    """Build and promote; mend; build again from the live version, compare, and promote where the gate lets it pass."""
    start = time.process_time()
    application = overton.load(place)
    known = set(application.data_files)
    first = application.build()
    first.promote("live", why="the first")
    built = time.process_time()
    mend(application)
    application = overton.load(place)
    added = {file.name: lines_of(file) for file in application.data_files if file not in known}
    outcome = release(application, "live", why="slices mended")
    return Story(first.report(), poor, added, outcome, (built - start, time.process_time() - built))


def lines_of(file: Path) -> int:
    """Number of lines."""
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        return sum(1 for _ in stream)


def render(story: Story) -> str:
    """The story as Markdown."""
    lines = ["| task, metric | slice | n | value | 95 % interval | whole split |", "|---|---|---|---|---|---|"]
    for task, tag in story.poor.items():
        row, whole = story.was(task, tag), story.was(task, "*")
        ends = f"{row.low:.3f} .. {row.high:.3f}"
        lines.append(f"| {task}, {row.metric} | {tag} | {row.n} | {row.value:.3f} | {ends} | {whole.value:.3f} |")
    lines += ["", f"Added: {', '.join(f'{name} ({n:,} lines)' for name, n in story.added.items())}.", ""]
    lines += ["| task, metric | slice | n | before | after | change | 95 % interval |", "|---|---|---|---|---|---|---|"]
    for row in sorted(story.rows, key=lambda row: (row.tag == "*", row.task, row.metric == "ece")):
        name = "whole split" if row.tag == "*" else row.tag
        figures = f"{row.n} | {row.old:.3f} | {row.new:.3f} | {row.change:+.3f} | {row.low:+.3f} .. {row.high:+.3f}"
        lines.append(f"| {row.task}, {row.metric} | {name} | {figures} |")
    comparison = story.outcome.comparison
    if comparison is not None:
        verdicts = [row.verdict for row in comparison.rows]
        counts = ", ".join(f"{verdicts.count(one)} {one}" for one in ("ok", "regressed", "not enough data"))
        lines += ["", f"Of {len(verdicts)} rows: {counts}. {story.outcome.outcome.capitalize()}."]
        lines += [f"- {refusal.message}" for refusal in story.outcome.refusals]
    seconds = story.seconds
    return "\n".join([*lines, "", f"{seconds[0]:.0f} CPU seconds, then {seconds[1]:.0f}."])


if __name__ == "__main__":
    main()
