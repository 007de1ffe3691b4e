"""The logs of aliases, each entry read once: none ever changes, but others add to them, which each look shows."""

from overton.store import layout
from overton.store.blobs import Blobs, Found
from overton.store.log import Promotion, check_log


class Logs:
    """The logs of the aliases of a store.

    Args:
        blobs: The store.
    """

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._kept: dict[str, dict[str, tuple[Found, Promotion]]] = {}  # by alias and file, as at the last look

    def read(self, alias: str) -> list[Promotion]:
        """The log of an alias as it is now, checked to be whole; empty where there is no such alias.

        Raises:
            OvertonError: Where an entry is damaged or missing.
        """
        there, before = layout.find_entries(self._blobs, alias), self._kept.get(alias, {})
        known = {name: kept[1] for name, kept in before.items() if there.get(name) == kept[0]}
        new = [name for name in there if name not in known]
        entries = known | dict(zip(new, layout.read_entries(self._blobs, alias, new), strict=True))
        log = [entries[name] for name in there]
        check_log(list(there), log, f"{self._blobs.url}/{layout.ALIASES}/{alias}")
        self._kept[alias] = {name: (found, entries[name]) for name, found in there.items() if found}
        return log
