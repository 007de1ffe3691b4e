"""Inputs and outputs of batch work: local files, and objects of S3, GCS or Azure."""

from overton.batch.files.inputs import check_folder, count_newlines, find_inputs, is_one_file, opened
from overton.batch.files.outputs import Output

__all__ = ["Output", "check_folder", "count_newlines", "find_inputs", "is_one_file", "opened"]
