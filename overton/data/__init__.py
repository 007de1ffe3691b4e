"""Data files to a data set: records, the memory-mapped row store, batches, votes and tags."""

from overton.data.batch import Batch, Column, alike_parts, parts_of
from overton.data.check import DataCheck, data_warnings
from overton.data.dataset import Dataset
from overton.data.faults.labels import label_faults
from overton.data.gold import Gold, gold_of
from overton.data.json_schema import record_json_schema
from overton.data.names import (
    COMBINED,
    GOLD,
    SLICE_PREFIX,
    SPLITS,
    bad_tag_hint,
    is_bad_tag,
    is_near_gold,
    meant_tag,
    reading_order,
)
from overton.data.pack import pack
from overton.data.parser import RecordParser
from overton.data.pool import Pool
from overton.data.reader import BadLine, LineReader, Records, without_collection
from overton.data.record import Record
from overton.data.rows.stamps import Stamps
from overton.data.tag_expression import (
    check_tags,
    is_made_of_tags,
    parse_tag_expression,
    plain_tag,
    tag_mask,
    with_expressions,
)
from overton.data.tags import Splits, Tags
from overton.data.tokens import tokenize
from overton.data.votes import Votes

__all__ = [
    "COMBINED",
    "GOLD",
    "SLICE_PREFIX",
    "SPLITS",
    "BadLine",
    "Batch",
    "Column",
    "DataCheck",
    "Dataset",
    "Gold",
    "LineReader",
    "Pool",
    "Record",
    "RecordParser",
    "Records",
    "Splits",
    "Stamps",
    "Tags",
    "Votes",
    "alike_parts",
    "bad_tag_hint",
    "check_tags",
    "data_warnings",
    "gold_of",
    "is_bad_tag",
    "is_made_of_tags",
    "is_near_gold",
    "label_faults",
    "meant_tag",
    "pack",
    "parse_tag_expression",
    "parts_of",
    "plain_tag",
    "reading_order",
    "record_json_schema",
    "tag_mask",
    "tokenize",
    "with_expressions",
    "without_collection",
]
