"""Data files on disk: which there are, whether they are right, and the data set that they make."""

from overton.data.files.check import check_data
from overton.data.files.digests import signs_of
from overton.data.files.handle import DatasetHandle
from overton.data.files.ignored import ignored_files
from overton.data.files.lines import SUFFIXES, check_file_names, contents, data_files
from overton.data.files.load import keys_then, load_dataset
from overton.data.files.outputs import check_beside_data, check_data_name, check_output, own_files
from overton.data.files.records import STANDARD, compressed, read_chunks, read_lines, write_parts, write_records

__all__ = [
    "STANDARD",
    "SUFFIXES",
    "DatasetHandle",
    "check_beside_data",
    "check_data",
    "check_data_name",
    "check_file_names",
    "check_output",
    "compressed",
    "contents",
    "data_files",
    "ignored_files",
    "keys_then",
    "load_dataset",
    "own_files",
    "read_chunks",
    "read_lines",
    "signs_of",
    "write_parts",
    "write_records",
]
