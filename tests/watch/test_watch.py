"""What is written of a training: TensorBoard's files where its writer is there, a run of MLflow where that is."""

import importlib.util
from pathlib import Path

import pytest

from overton.base import Event
from overton.watch import log_build, points_of, told_parts
from overton.watch.files import watching
from overton.watch.mlflow import _trial

EPOCH = {
    "losses": {"Intent": 0.5, "POS": 0.25},
    "scores": {"Intent": 0.75},
    "learning_rate": 0.001,
    "records": 100,
    "seconds": {"batch": 1.0, "forward": 4.0, "backward": 4.0, "optimizer": 1.0, "dev": 30.0},
}


def read_points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The scalars of event files, by name, as (epoch, value): what TensorBoard would draw."""
    from tensorboardX.proto.event_pb2 import Event as Written
    from tensorboardX.record_writer import masked_crc32c  # the length of a record is followed by its checksum

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        while content:
            length = int.from_bytes(content[:8], "little")
            assert int.from_bytes(content[8:12], "little") == masked_crc32c(content[:8])
            written = Written.FromString(content[12 : 12 + length])
            for value in written.summary.value:
                if value.HasField("simple_value"):
                    found.setdefault(value.tag, []).append((written.step, value.simple_value))
            content = content[12 + length + 4 :]
    return found


def test_an_epoch_becomes_points_of_curves_with_its_speed_and_the_share_of_the_model() -> None:
    points = points_of({**EPOCH, "slices": {"slice:rare": {"Intent": 0.5}}})
    assert points["slice/rare/Intent"] == 0.5
    assert points["train/records_per_second"] == 10
    assert points["train/share_inside_model"] == 0.9
    assert told_parts(EPOCH["seconds"]).startswith("90.0 % of the steps inside")
    assert points_of({"best_epoch": 3}) == {}


def test_event_files_hold_every_epoch_with_the_slices_that_were_told_before_it(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    with watching(tmp_path / "train", {"choices": {"size": 8}}) as observe:
        assert observe is not None
        for epoch in (1, 2):
            observe(Event("train", done=7, total=20))
            observe(Event("train", values={"slices": {"slice:rare": {"Intent": epoch / 4}}}))
            observe(Event("train", done=epoch, total=2, values=EPOCH))
    points = read_points(tmp_path / "train")
    assert points["loss/POS"] == [(1, 0.25), (2, 0.25)]
    assert points["slice/rare/Intent"] == [(1, 0.25), (2, 0.5)]
    assert "train/learning_rate" in points


def test_a_training_without_an_epoch_leaves_no_folder(tmp_path: Path) -> None:
    with watching(tmp_path / "train", {}) as observe:
        if observe:
            observe(Event("train", "goes on"))
    assert not (tmp_path / "train").exists()


def test_without_the_writer_nothing_is_watched_and_nothing_breaks(tmp_path: Path, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("overton.watch.files.find_spec", lambda name: None if name == "tensorboardX" else find(name))
    with watching(tmp_path / "train", {}) as observe:
        assert observe is None


BUILT = {
    "version": "0123456789ab",
    "choices": {"payloads": {"tokens": {"size": 8}}, "training": {"epochs": 2}},
    "lineage": {"data": {"digest": "d"}, "seed": 1, "parent": None, "epochs": [{"epoch": 1, **EPOCH}]},
    "report": {
        "main_metric": {"Intent": "accuracy"},
        "rows": [
            {"task": "Intent", "split": "test", "tag": tag, "metric": metric, "value": value}
            for tag, metric, value in (("*", "accuracy", 0.75), ("slice:a b", "accuracy", 0.5), ("*", "ece", 0.1))
        ],
    },
    "study": {"trials": [{"number": 1, "picked": {"size": 8}, "status": "done", "value": 0.7, "p99_ms": None}]},
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # those of a package that is not ours
def test_a_build_is_a_run_of_mlflow_and_its_trials_are_runs_within(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    address = f"sqlite:///{tmp_path}/runs.db" if importlib.util.find_spec("sqlalchemy") else tmp_path.as_uri()
    run = log_build(address, "demo", **BUILT)
    client = mlflow.MlflowClient(tracking_uri=address)
    logged = client.get_run(run)
    assert logged.info.status == "FINISHED"
    assert logged.data.params["payloads.tokens.size"] == "8"
    assert logged.data.tags["overton.version"] == "0123456789ab"
    assert logged.data.metrics["report/test/Intent accuracy"] == 0.75
    assert logged.data.metrics["report/test/Intent accuracy/slice:a b"] == 0.5
    assert [point.step for point in client.get_metric_history(run, "loss/Intent")] == [1]
    experiment = client.get_experiment_by_name("demo").experiment_id
    (trial,) = [one for one in client.search_runs([experiment]) if one.info.run_id != run]
    assert (trial.data.tags["mlflow.parentRunId"], trial.data.metrics["value"]) == (run, 0.7)


def test_what_a_trial_that_was_given_up_reached_is_no_value_among_those_of_models() -> None:
    given_up = {"number": 2, "picked": {"size": 8}, "status": "pruned", "value": 0.6, "seconds": 3.0, "p99_ms": None}
    tags, _, points = _trial(given_up, "run")
    assert tags["overton.status"] == "pruned"
    assert sorted(points) == [("seconds", 3.0, 0), ("value in training", 0.6, 0)]
    assert ("value", 0.6, 0) in _trial({**given_up, "status": "infeasible"}, "run")[2]


def test_a_build_goes_on_where_mlflow_is_not_to_be_had(monkeypatch) -> None:
    monkeypatch.setattr("overton.watch.mlflow.find_spec", lambda name: None)
    told: list[Event] = []
    assert log_build("http://127.0.0.1:9", "demo", **BUILT, observe=told.append) is None
    assert "mlflow is not installed" in told[0].message
