"""When a version is made, as the order of versions has it."""

from datetime import UTC, datetime, timedelta

from overton.base import OvertonError
from overton.store.store import Store


def moment_after(store: Store, when: str) -> str:
    """A time, or where a version is as young as that, the next microsecond after the youngest.

    The clock of a machine may be set back, or be behind that of another which builds into the same store; the version
    that is put last is to be the latest all the same.

    Args:
        store: Where the versions are.
        when: The time, as ISO 8601 text in UTC with microseconds (`overton.base.instant`).
    """
    try:
        newest = max((version.created for version in store.versions()), default="")
        after = datetime.fromisoformat(newest).astimezone(UTC) + timedelta(microseconds=1) if newest >= when else None
    except (OvertonError, ValueError, OverflowError):  # to put the version tells what is wrong with the store
        return when
    return after.isoformat(timespec="microseconds") if after else when
