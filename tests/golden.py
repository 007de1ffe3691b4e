"""Golden cases: a file of `# title:` lines, each followed by an input, `---`, and the expected text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "# title: "


@dataclass(frozen=True)
class Case:
    """One pair of a golden file."""

    title: str
    input: str
    expected: str


def load_cases(path: Path) -> list[Case]:
    """The cases of a file."""
    cases = []
    for part in path.read_text(encoding="utf-8").split(MARK)[1:]:
        title, _, rest = part.partition("\n")
        given, _, expected = rest.partition("\n---\n")
        cases.append(Case(title.strip(), given.strip("\n"), expected.strip("\n")))
    return cases


def check_cases(path: Path, answer: Callable[[str], str], *, update: bool) -> None:
    """Compare every case of a file with the answer to its input, or rewrite the file."""
    cases = load_cases(path)
    assert cases, f"{path} has no case"
    answers = [answer(case.input).strip("\n") for case in cases]
    if update:
        path.write_text(render_cases(cases, answers), encoding="utf-8")
        return
    for case, text in zip(cases, answers, strict=True):
        assert text == case.expected, f"{path.name}: {case.title}"


def render_cases(cases: Sequence[Case], answers: Sequence[str]) -> str:
    """The text of a golden file."""
    pairs = zip(cases, answers, strict=True)
    return "\n".join(f"{MARK}{case.title}\n{case.input}\n---\n{text}\n" for case, text in pairs)
