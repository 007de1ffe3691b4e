"""Inputs and outputs of batch work, local or in S3, GCS or Azure, and the models of vectors that are kept."""

from overton.batch.files.inputs import (
    check_folder,
    count_newlines,
    find_inputs,
    is_one_file,
    opened,
    would_name,
)
from overton.batch.files.outputs import Output
from overton.batch.files.vectors import load_model, save_model

__all__ = [
    "Output",
    "check_folder",
    "count_newlines",
    "find_inputs",
    "is_one_file",
    "load_model",
    "opened",
    "save_model",
    "would_name",
]
