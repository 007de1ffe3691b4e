"""Versions and their names, on a local disk or an object store: immutable content, and a log of every promotion."""

from overton.store.copy import Copied
from overton.store.diff import VersionDiff, diff_versions
from overton.store.faults import is_of_the_store
from overton.store.log import GateOutcome, Promotion, check_alias
from overton.store.moment import moment_after
from overton.store.render import gate_text
from overton.store.store import LOST_RACE, Store, Version
from overton.store.sweep import Swept
from overton.store.user import current_user

__all__ = [
    "LOST_RACE",
    "Copied",
    "GateOutcome",
    "Promotion",
    "Store",
    "Swept",
    "Version",
    "VersionDiff",
    "check_alias",
    "current_user",
    "diff_versions",
    "gate_text",
    "is_of_the_store",
    "moment_after",
]
