"""What every room may use and that knows nothing of machine learning: faults, digests, names, progress."""

from overton.base.brief import brief
from overton.base.clock import Clock, Meter, instant, now, rough_duration, to_the_second
from overton.base.columns import aligned, cut, padded, ruled, shortened, width_of, wrapped
from overton.base.digest import digest_bytes, digest_json
from overton.base.errors import OvertonError, Problem, group_problems, os_reason, render_problems
from overton.base.events import Event, Observe, ignore
from overton.base.excerpt import around
from overton.base.figures import count_of, percent_text, share_text, whole_number
from overton.base.given import Texts, texts_of
from overton.base.hosts import is_local_host
from overton.base.json_text import doubled_keys, parse_json, place_faults
from overton.base.legible import legible, visible, writable
from overton.base.names import check_name, is_name
from overton.base.positions import Positions, json_fault, json_path, locate_json
from overton.base.seeds import MOST_SEED, check_seed
from overton.base.suggest import did_you_mean, nearest

__all__ = [
    "MOST_SEED",
    "Clock",
    "Event",
    "Meter",
    "Observe",
    "OvertonError",
    "Positions",
    "Problem",
    "Texts",
    "aligned",
    "around",
    "brief",
    "check_name",
    "check_seed",
    "count_of",
    "cut",
    "did_you_mean",
    "digest_bytes",
    "digest_json",
    "doubled_keys",
    "group_problems",
    "ignore",
    "instant",
    "is_local_host",
    "is_name",
    "json_fault",
    "json_path",
    "legible",
    "locate_json",
    "nearest",
    "now",
    "os_reason",
    "padded",
    "parse_json",
    "percent_text",
    "place_faults",
    "render_problems",
    "rough_duration",
    "ruled",
    "share_text",
    "shortened",
    "texts_of",
    "to_the_second",
    "visible",
    "whole_number",
    "width_of",
    "wrapped",
    "writable",
]
