"""Wrong usage, and outputs that cannot hold every text or that nobody reads."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overton.application import Application
from overton.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["report", "APP", "--tga", "x"], "overton report: error: there is no option '--tga'. Did you mean '--tag'?"),
        (["report", "APP", "--datta=x"], "overton report: error: there is no option '--datta'. Did you mean '--data'?"),
        (["report", "APP", "--seed", "1"], "overton report: error: there is no option '--seed'"),
        (["report", "APP", "more"], "overton report: error: unrecognized arguments: more"),
        (["store", "history", "APP", "live", "--jsno"], "overton store history: error: there is no option '--jsno'"),
        (["bild", "APP"], "Did you mean 'build'?"),
        (["store", "histry"], "Did you mean 'history'?"),
        (["errors", "APP", "--task", "T", "--split", "tset"], "Did you mean 'test'?"),
        (["predict", "APP", "in", "out", "--max-bad", "0.1"], "expected a whole number, 0 or more, got '0.1'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_by_the_command_with_what_may_be_meant(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def run(words: list[str], encoding: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run([sys.executable, "-m", "overton", *words], env=environment, check=False, capture_output=True)


@pytest.fixture
def accented(tmp_path: Path) -> Path:
    """An application whose sources have names that ASCII lacks."""
    (tmp_path / "data").mkdir()
    schema = {"payloads": {"q": {"type": "singleton"}}, "tasks": {"T": {"payload": "q", "type": "multiclass"}}}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    lines = [{"payloads": {"q": f"text {n}"}, "tasks": {"T": {"r\u00e8gle": "ab"[n % 2]}}} for n in range(40)]
    (tmp_path / "data" / "d.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


@pytest.mark.long
def test_what_the_encoding_of_a_terminal_lacks_is_written_with_escapes(accented: Path) -> None:
    told = run(["sources", str(accented), "-q"], "ascii")
    assert (told.returncode, b"r\\xe8gle" in told.stdout) == (0, True), told.stderr.decode()
    found = json.loads(run(["sources", str(accented), "-q", "--json"], "latin-1").stdout.decode("latin-1"))
    assert "r\u00e8gle" in {row["source"] for row in found["rows"]}


@pytest.mark.skipif(sys.platform == "win32", reason="closes a stream as a POSIX shell does")
def test_a_closed_output_is_one_that_nobody_reads(accented: Path) -> None:
    command = f'"{sys.executable}" -m overton check "{accented}" -q >&-'
    told = subprocess.run(["sh", "-c", command], check=False, capture_output=True)
    assert (told.returncode, b"Traceback" in told.stderr) == (0, False), told.stderr.decode()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="a pipe is broken otherwise there")
@pytest.mark.parametrize("more", [[], ["--json"]], ids=["table", "json"])
def test_a_reader_that_has_gone_does_not_hide_how_a_command_ended(accented: Path, more: list[str]) -> None:
    (accented / "data" / "bad.jsonl").write_text("no json\n")
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "overton", "check", str(accented), "-q", *more]
    told = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (told.returncode, b"BrokenPipe" in told.stderr) == (1, False), told.stderr.decode()


def test_a_place_that_is_none_is_told_where_it_is_not_needed_too(
    kinds_application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(kinds_application.directory), "--on", "local:0", "-q"]) == 1
    assert "[engine.unknown]" in capsys.readouterr().err


def test_what_somebody_sent_gives_the_terminal_no_orders(accented: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent = "a\x1b[2J\x9b31m\u202eb"
    line = {"id": sent, "payloads": {"q": sent}, "tasks": {"T": {"r\u00e8gle": "a"}}}
    with (accented / "data" / "d.jsonl").open("a") as file:
        file.write("\n" + json.dumps(line))
    for words in (["sources", str(accented), "--record", sent], ["sources", str(accented), "--record", f"{sent}?"]):
        main([*words, "-q"])
        told = "".join(capsys.readouterr())
        assert not set("\x1b\x9b\u202e") & set(told)
        assert "\\u001b[2J" in told or "\\x1b[2J" in told
    assert main(["sources", str(accented), "--record", sent, "--json", "-q"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == sent


def test_check_tells_where_a_setting_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app"
    assert main(["init", str(app), "--example", "factoid", "--records", "40"]) == 0
    (app / "tuning.json").write_text('{"payloads": {\n  "query": {"encoder": "bag"}}}')
    capsys.readouterr()
    assert main(["check", str(app), "-q"]) == 0
    told = capsys.readouterr()
    assert "tuning.json:2: $.payloads.query.encoder: 'encoder' has no effect on 'query'. " in told.out + told.err
