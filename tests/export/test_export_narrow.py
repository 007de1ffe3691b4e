"""Wide paths of exported models: as narrow as what is read from them, and the same sums."""

import pytest
import torch

from overton.codec import input_specs
from overton.compile import Choices, PayloadChoices, compile_program
from overton.export.narrow import narrow_wide_paths
from overton.nn import Model, build_model
from overton.schema import parse_schema

SCHEMA = """
{"payloads": {"title": {"type": "singleton"}},
 "tasks": {"One": {"payload": "title", "type": "multiclass"},
           "Other": {"payload": "title", "type": "bitvector"},
           "Sets": {"payload": "title", "type": "bitvector"}}}
"""


def made(n_classes: int) -> Model:
    """A model of three heads that read one wide path."""
    classes = {"One": tuple(map(str, range(n_classes))), "Other": ("a", "b"), "Sets": ("a", "b")}
    schema = parse_schema(SCHEMA).with_classes(classes)
    choices = Choices({"title": PayloadChoices(size=8, encoder="bag", wide=True)})
    return build_model(compile_program(schema, choices, sets={"Sets": ((), ("a",), ("a", "b"))}), seed=1).eval()


def table_of(model: Model) -> torch.Tensor:
    (table,) = [value for name, value in model.state_dict().items() if name.endswith("pieces.weight")]
    return table


@pytest.mark.parametrize(("n_classes", "width"), [(5, 12), (200, 128)])
def test_a_wide_path_is_as_narrow_as_what_is_read_from_it(n_classes: int, width: int):
    model = made(n_classes)
    (features,) = [node.settings for node in model.nodes if node.op.startswith("word_embedding")]
    inputs = {
        "title.features": torch.ones(3, 4, sum(features["columns"]), dtype=torch.int32),
        "title.length": torch.tensor([4, 2, 1], dtype=torch.int32),
        "title.grams": torch.tensor([[5, 7, 0], [9, 0, 0], [0, 0, 0]], dtype=torch.int32),
    }
    with torch.no_grad():
        before = model(inputs)
        after = narrow_wide_paths(model)(inputs)
    assert table_of(model).shape[1] == width  # 5 classes, 2 bits, 3 sets of 2 bits
    assert set(before) == {"One", "Other", "Sets"}
    for task, logits in before.items():
        torch.testing.assert_close(after[task], logits, atol=1e-5, rtol=1e-5)


def test_the_wide_path_of_tokens_is_narrowed_likewise():
    schema = parse_schema(
        """{"payloads": {"words": {"type": "sequence"}},
            "tasks": {"One": {"payload": "words", "type": "multiclass"},
                      "Other": {"payload": "words", "type": "bitvector"}}}"""
    ).with_classes({"One": ("B-x", "I-x", "O"), "Other": ("a", "b")})
    choices = Choices({"words": PayloadChoices(size=8, encoder="bag", crf=True, wide=True)})
    model = build_model(compile_program(schema, choices), seed=1).eval()
    windows = {spec.name: spec for spec in input_specs(compile_program(schema, choices))}["words.windows"]
    inputs = {
        "words.features": torch.ones(2, 4, 6, dtype=torch.int32),
        "words.length": torch.tensor([4, 2], dtype=torch.int32),
        "words.windows": torch.randint(0, 4097, (2, 4, windows.shape[-1]), dtype=torch.int32),
    }
    with torch.no_grad():
        before = model(inputs)
        after = narrow_wide_paths(model)(inputs)
    assert table_of(model).shape[1] == 5
    for task, logits in before.items():
        torch.testing.assert_close(after[task], logits, atol=1e-5, rtol=1e-5)
