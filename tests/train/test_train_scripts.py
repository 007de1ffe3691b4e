"""Text of any script, and without spaces: what a model knows of a string that it never saw is its characters."""

import json
import random

import numpy as np
import pytest

from overton.codec import Encoder
from overton.compile import Choices, PayloadChoices, TrainingChoices, compile_program
from overton.data import Pool, RecordParser, pack
from overton.export import load_model
from overton.schema import parse_schema
from overton.supervision import Targets
from overton.train import forward_of, train, training_batches

SCHEMA = parse_schema(
    json.dumps(
        {
            "payloads": {"pieces": {"type": "sequence"}, "text": {"type": "singleton"}},
            "tasks": {
                "Piece": {"payload": "pieces", "type": "multiclass", "classes": ["other", "animal"]},
                "Text": {"payload": "text", "type": "multiclass", "classes": ["other", "animal"]},
            },
        }
    )
)
SCRIPTS = {
    "Han": ("三毛猫", "東京都大阪府北海道九州沖縄山川田中小林木村"),
    "Thai": ("แมว", "กขคงจฉชซญฎฏฐณดตถทธนบปผฝพฟ"),
    "Arabic": ("قطة", "ابتثجحخدذرزسشصضعغفكلمنهوي"),
}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_strings_never_seen_are_told_by_their_characters(script):
    """Strings of nine characters, drawn so that none comes twice; half of them hold the name of an animal."""
    animal, characters = SCRIPTS[script]
    choose = random.Random(0)
    parser, pool = RecordParser(SCHEMA, closed=True), Pool()
    records, labels = [], []
    for number in range(400):
        text = "".join(choose.choices(characters, k=9 - len(animal) * (number % 2)))
        place = choose.randrange(len(text) - 2)
        text = text[:place] + animal * (number % 2) + text[place:]
        records.append(parser.parse(json.dumps({"payloads": {"pieces": [text], "text": text}}).encode()))
        labels.append(number % 2)

    def gather(rows):
        return pack([records[row] for row in rows], SCHEMA, pool)

    small = PayloadChoices(size=16, layers=1, characters=True)
    program = compile_program(SCHEMA, Choices({"pieces": small, "text": small}))
    index, offsets = np.array(labels, np.int32), np.arange(401)
    targets = {task.name: Targets(task, offsets, index, np.eye(2, dtype=np.float32)) for task in SCHEMA.tasks}
    encoder = Encoder(program)
    batches = training_batches(gather, encoder, targets, np.arange(300), np.full(400, 9), 16)
    settings = TrainingChoices(epochs=8, learning_rate=0.02, dropout=0.1)
    trained = train(program, batches, settings=settings, seed=0)
    logits = forward_of(load_model(program, trained.weights))(encoder.encode(gather(np.arange(300, 400))))
    for task in ("Piece", "Text"):
        said = logits[task].reshape(100, 2).argmax(1)
        assert (said == index[300:]).mean() > 0.8, task
