import json

import pytest

from overton.evaluate import Row
from overton.experiments.files import point_store
from overton.experiments.points import Job, Measured, measure_all, parse_measured


def measured(value=0.5, records=10):
    return Measured(records, {"T": 20}, (Row("T", "test", "*", "accuracy", value, 0.4, 0.6, 100),), 1.5)


def jobs(n=4):
    return [Job("", 2**number, 0, f"key{number}") for number in range(n)]


class Trainer:
    """Measures nothing, counts how often it was asked, and may be killed on the way."""

    def __init__(self, dies_at=None):
        self.asked, self.dies_at = [], dies_at

    def __call__(self, job):
        if job.size == self.dies_at:
            raise KeyboardInterrupt
        self.asked.append(job.size)
        return measured(records=job.size)


def run(folder, trainer, **options):
    load, save = point_store(folder)

    def work(job, observe):
        found = trainer(job)
        save(job.key, found)
        return found

    return measure_all(jobs(), lambda: work, load=load, **options)


def test_a_killed_experiment_goes_on_where_it_stood(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Trainer(dies_at=4))
    trainer = Trainer()
    points = run(tmp_path, trainer)
    assert trainer.asked == [4, 8]
    assert [point.measured.records for point in points] == [1, 2, 4, 8]


def test_a_second_run_measures_nothing_and_says_so(tmp_path):
    first = run(tmp_path, Trainer())
    trainer, events = Trainer(), []
    assert run(tmp_path, trainer, observe=events.append) == first
    assert trainer.asked == []
    assert [(event.done, event.total) for event in events] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all("measured before" in event.message for event in events)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 0}', '{"format": 1, "records": "many"}'])
def test_a_damaged_point_is_measured_again(tmp_path, content):
    run(tmp_path, Trainer())
    (tmp_path / "key1.json").write_text(content)
    trainer = Trainer()
    run(tmp_path, trainer)
    assert trainer.asked == [2]


def test_what_is_kept_reads_back_as_it_was():
    assert parse_measured(json.loads(json.dumps(measured().to_json()))) == measured()
