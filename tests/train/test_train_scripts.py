"""Text of any script, and without spaces: what a model knows of a string that it never saw is its characters."""

import json
import random

import numpy as np
import pytest

from overton.compile import PayloadChoices
from overton.schema import parse_schema
from tests.train.made import said_of_the_rest

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
    payloads = []
    for number in range(400):
        text = "".join(choose.choices(characters, k=9 - len(animal) * (number % 2)))
        place = choose.randrange(len(text) - 2)
        text = text[:place] + animal * (number % 2) + text[place:]
        payloads.append({"pieces": [text], "text": text})
    index = np.arange(400, dtype=np.int32) % 2
    small = PayloadChoices(size=16, layers=1, characters=True)
    said = said_of_the_rest(SCHEMA, payloads, index, n_train=300, choices=small, epochs=8)
    for task in ("Piece", "Text"):
        assert (said[task] == index[300:]).mean() > 0.8, task
