"""Batch work: any number of data files predicted or embedded, in shards that are created once, wherever workers are."""

from overton.batch.run import Outcome
from overton.batch.sinks import FORMATS, format_of
from overton.batch.verbs import embed_file, embed_files, embed_words, embed_words_file, predict_file, predict_files
from overton.batch.work import Counts

__all__ = [
    "FORMATS",
    "Counts",
    "Outcome",
    "embed_file",
    "embed_files",
    "embed_words",
    "embed_words_file",
    "format_of",
    "predict_file",
    "predict_files",
]
