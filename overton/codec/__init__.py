"""Records to the model's inputs and its outputs to labels: the same code in training, batch work and serving."""

from overton.codec.bio import find_bio
from overton.codec.chain import Chain, chained_tasks, chains_of, transitions_name
from overton.codec.decode import concatenate, count_units, decode, flat_of
from overton.codec.encoder import Encoder, InputSpec, input_specs, reads_pieces
from overton.codec.features import FUNCTIONS, hash_features
from overton.codec.labels import label_json, labels_json
from overton.codec.predictions import Predictions, widened
from overton.codec.rows import forms

__all__ = [
    "FUNCTIONS",
    "Chain",
    "Encoder",
    "InputSpec",
    "Predictions",
    "chained_tasks",
    "chains_of",
    "concatenate",
    "count_units",
    "decode",
    "find_bio",
    "flat_of",
    "forms",
    "hash_features",
    "input_specs",
    "label_json",
    "labels_json",
    "reads_pieces",
    "transitions_name",
    "widened",
]
