import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from overton.data import RecordParser, pack
from overton.data.files import check_data, data_files, load_dataset
from overton.data.files.lines import read_blocks
from overton.schema.files import load_schema

ROOT = Path(__file__).parents[2]
SETS = ["clinc150", "factoid-en", "mintaka-de", "mintaka-en", "smart-dbpedia", "snips", "ud-ewt"]
WEAK = [
    "crowd_medrel_bits",
    "crowd_product",
    "crowd_rte",
    "laptop_review",
    "mit_restaurant",
    "sms",
    "yoruba",
    "youtube",
]
PEAK = """
import resource, sys
from pathlib import Path
from overton.data.files import load_dataset
from tests.data_schema import SCHEMA
load_dataset(SCHEMA, [Path(sys.argv[1])], Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_records(tmp_path):
    peaks = []
    for n_records in (20_000, 200_000):
        path = tmp_path / f"{n_records}.jsonl"
        with path.open("w") as file:
            for number in range(n_records):
                tokens = [f"w{(number * step) % 997}" for step in range(1, 13)]
                tasks = {
                    "POS": {f"s{source}": ["N"] * 12 for source in range(4)},
                    "Intent": {"a": {"age": 0.5, "height": 0.5}},
                }
                file.write(json.dumps({"id": f"r{number}", "payloads": {"tokens": tokens}, "tasks": tasks}) + "\n")
        command = [sys.executable, "-c", PEAK, str(path), str(tmp_path / "rows")]
        peaks.append(int(subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout))
    few, many = peaks
    assert many - few < 30_000  # kB, for 75 MB more of records: what is kept of each is its hash


@pytest.mark.long
@pytest.mark.data
@pytest.mark.parametrize("name", [*SETS, *(f"weak/{name}" for name in WEAK)])
def test_real_data_is_read_without_a_fault(shared_data, tmp_path, name):
    folder = shared_data / name
    schema = load_schema(folder / "schema.json")
    dataset = load_dataset(schema, data_files(folder / "data"), tmp_path)
    parser = RecordParser(schema)
    rows = np.random.default_rng(0).integers(0, dataset.n_records, 200)
    lines = [line for path in data_files(folder / "data") for block in read_blocks(path) for line in block.lines]
    packed = pack([parser.parse(lines[row]) for row in rows.tolist()], schema, dataset.pool)
    for column_name, column in dataset.gather(rows).columns.items():
        assert column.strings.tolist() == packed.columns[column_name].strings.tolist()


@pytest.mark.long
@pytest.mark.data
def test_supervision_that_arrives_later_joins_the_records_that_it_names(shared_data):
    folder = shared_data / "factoid-en"
    files = data_files(folder / "data") + data_files(folder / "updates")
    found = check_data(load_schema(folder / "schema.json"), files)
    assert found.problems == ()
    assert found.n_records == 25_297
    assert found.counts == {"bad": 0, "amending": 4157, "amended": 3561, "overridden": 62}
