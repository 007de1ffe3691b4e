"""The other side of `ludwig_snips.py`: trains Ludwig's joint model of slots and intents and predicts with it.

Run by the Python of an environment that has Ludwig, so that nothing of Overton is imported here.

    PYTHON ludwig_peer.py RECORDS.jsonl EPOCHS FOLDER

Writes a JSON object a line: `{"epoch": CPU seconds}` for each epoch, then `{"accuracy": of intents on test}`, and for
each line of the standard input, the path of a JSON list of texts, `{"seconds": CPU seconds of predicting them}`.
"""

import json
import logging
import os
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import ClassVar
from unittest.mock import MagicMock

UNREAD = ("torchaudio", "torchvision")  # imported by Ludwig for texts too; their usual wheels need a GPU's torch
ENCODER = {
    "type": "rnn",
    "cell_type": "lstm",
    "bidirectional": True,
    "embedding_size": 128,
    "state_size": 128,
    "num_layers": 1,
    "reduce_output": None,
}
WORDS = {"tokenizer": "space"}
CONFIG = {
    "input_features": [{"name": "text", "type": "sequence", "preprocessing": WORDS, "encoder": ENCODER}],
    "output_features": [
        {"name": "intent", "type": "category", "reduce_input": "sum"},
        {"name": "slots", "type": "sequence", "preprocessing": WORDS, "decoder": {"type": "tagger"}},
    ],
    "preprocessing": {"split": {"type": "fixed", "column": "split"}},
}
SPLITS = ("train", "dev", "test")


class Empty(ModuleType):
    """A module with anything in it."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> object:
        """Something of that name."""
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock()


class Finder(MetaPathFinder, Loader):
    """Finds empty modules in place of those that are not needed."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """An empty module, or nothing."""
        return ModuleSpec(name, self, is_package=True) if name.split(".")[0] in UNREAD else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The empty module."""
        return Empty(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run."""
        module.__dict__["__version__"] = "0"


def main() -> None:
    """Train, then predict what is asked."""
    records, epochs, folder = sys.argv[1:]
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    sys.meta_path.insert(0, Finder())
    import pandas as pd
    import torch
    from ludwig.api import LudwigModel
    from ludwig.callbacks import Callback

    torch.set_num_threads(1)

    class Epochs(Callback):
        """Tells the CPU seconds of each epoch, without the evaluation behind it."""

        def on_epoch_start(self, *_: object) -> None:
            self.begin = time.process_time()

        def on_epoch_end(self, *_: object) -> None:
            say(epoch=time.process_time() - self.begin)

    table = pd.read_json(records, lines=True)
    table["split"] = table["split"].map(SPLITS.index)
    trainer = {"epochs": int(epochs), "batch_size": 64, "learning_rate": 0.001}
    model = LudwigModel({**CONFIG, "trainer": trainer}, logging_level=logging.ERROR, callbacks=[Epochs()])
    quiet = {"skip_save_processed_input": True, "skip_save_log": True, "skip_save_progress": True}
    model.train(dataset=table, output_directory=folder, **quiet)

    def predict(texts: list[str]) -> "pd.DataFrame":
        found, _ = model.predict(
            dataset=pd.DataFrame({"text": texts}), skip_save_predictions=True, output_directory=folder
        )
        return found

    test = table[table["split"] == SPLITS.index("test")]
    found = predict(test["text"].tolist())
    say(accuracy=float((found["intent_predictions"].to_numpy() == test["intent"].to_numpy()).mean()))
    for line in sys.stdin:
        with open(line.strip()) as file:
            texts = json.load(file)
        begin = time.process_time()
        predict(texts)
        say(seconds=time.process_time() - begin)


def say(**value: float) -> None:
    """Tell the other side something; what Ludwig prints stands between."""
    print("\n" + json.dumps(value), flush=True)


if __name__ == "__main__" and len(sys.argv) > 1:
    main()
