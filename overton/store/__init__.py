"""Versions and their names, on a local disk or an object store: immutable content, and a log of every promotion."""

from overton.store.store import Promotion, Store, Version, check_alias
from overton.store.user import current_user

__all__ = ["Promotion", "Store", "Version", "check_alias", "current_user"]
