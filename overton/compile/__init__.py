"""Schema x choices to a program: what the model computes, as data, without any deep learning framework."""

from overton.compile.choices import (
    SETTINGS_OF_PAYLOAD,
    Choices,
    PayloadChoices,
    TrainingChoices,
    default_choices,
    texts_of,
)
from overton.compile.embedding import embedding_program, weights_of
from overton.compile.explain import explain
from overton.compile.parse import parse_program
from overton.compile.pretrained import Pretrained
from overton.compile.program import MEMBERSHIP, Node, Program, Setting
from overton.compile.rules import MOST_CHAINED, RULES, compile_program
from overton.compile.settings import SEARCH_SETTINGS, Rule, tuning_json_schema
from overton.compile.slices import SliceChoice, choose_slices
from overton.compile.tuning import SupervisionSettings, Tuning, parse_tuning, split_objective

__all__ = [
    "MEMBERSHIP",
    "MOST_CHAINED",
    "RULES",
    "SEARCH_SETTINGS",
    "SETTINGS_OF_PAYLOAD",
    "Choices",
    "Node",
    "PayloadChoices",
    "Pretrained",
    "Program",
    "Rule",
    "Setting",
    "SliceChoice",
    "SupervisionSettings",
    "TrainingChoices",
    "Tuning",
    "choose_slices",
    "compile_program",
    "default_choices",
    "embedding_program",
    "explain",
    "parse_program",
    "parse_tuning",
    "split_objective",
    "texts_of",
    "tuning_json_schema",
    "weights_of",
]
