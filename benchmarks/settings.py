"""What one setting does: the same builds with several values of it, on a part of the training records of real data.

    python benchmarks/settings.py training.rebalance 0,0.5,1 [DATA] [--sets factoid-en] [--train 4000] [--seeds 1]

The setting is named as in tuning.json (docs/settings.md), its values are JSON. DATA is a folder of applications
(default: the variable OVERTON_TEST_DATA). Dev and test stay whole, the training records are the same for all values.
Printed are test figures, means over the seeds: of every task its main metric, macro-F1 and the calibration error.
"""

import argparse
import json
import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pretrained import built

SHOWN = ("macro_f1", "ece")
Figures = Mapping[tuple[str, str], float]


def tuning_of(setting: str, value: Any) -> dict[str, Any]:
    """A tuning file that pins one setting."""
    for name in reversed(setting.split(".")):
        value = {name: value}
    found: dict[str, Any] = value
    return found


def build(data: Path, n_train: int, tuning: dict[str, Any], seed: int) -> tuple[Figures, float]:
    """Test figures by task and metric, and the CPU seconds of the build."""
    report, seconds = built(data, n_train, tuning, seed)
    rows = [row for row in report.rows if row.split == "test" and row.tag == "*"]
    wanted = [row for row in rows if row.metric in SHOWN or row.metric == report.main_metric[row.task]]
    return {(row.task, row.metric): row.value for row in wanted}, seconds


def main() -> None:
    """Build with every value and print a line a task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting")
    parser.add_argument("values")
    parser.add_argument("data", nargs="?", type=Path, default=os.environ.get("OVERTON_TEST_DATA"))
    parser.add_argument("--sets", default="factoid-en")
    parser.add_argument("--train", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    if options.data is None or not Path(options.data).is_dir():
        print("no data: name a folder of applications, or set OVERTON_TEST_DATA")
        return
    for name in options.sets.split(","):
        for value in json.loads(f"[{options.values}]"):
            tuning = tuning_of(options.setting, value)
            runs = [build(Path(options.data) / name, options.train, tuning, seed) for seed in range(options.seeds)]
            print(f"{name} {options.setting} {json.dumps(value)}: {statistics.mean(cpu for _, cpu in runs):.0f} CPU s")
            for task in sorted({task for task, _ in runs[0][0]}):
                means = {
                    metric: statistics.mean(figures[key] for figures, _ in runs)
                    for key in runs[0][0]
                    for own, metric in [key]
                    if own == task
                }
                print(f"  {task:12} " + "  ".join(f"{metric} {mean:.4f}" for metric, mean in means.items()), flush=True)


if __name__ == "__main__":
    main()
