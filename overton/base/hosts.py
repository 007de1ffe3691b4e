"""Which hosts a request may be for where a server answers for its own machine alone.

A page of any site may send requests to such a server through the browser of who works there. One whose name its owner
lets point to this machine (DNS rebinding) could also read the answers, as if they came from its own site; but what it
asks then bears that name as `Host`.
"""

import re
from functools import lru_cache

LOCAL = re.compile(r"(127(\.\d{1,3}){3}|([a-z0-9-]+\.)*localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
PORT = re.compile(r":\d{1,5}$")


@lru_cache(maxsize=256)  # every request asks, and nearly all for the same
def is_local_host(host: str, own: str = "") -> bool:
    """Whether a `Host` names this machine.

    Args:
        host: The header.
        own: The name or address that the server was told to bind; empty for none but those that always mean this
            machine.

    Example:
        >>> [is_local_host(host) for host in ("localhost:8080", "127.0.0.1", "[::1]:80", "localhost.example.com")]
        [True, True, True, False]
        >>> is_local_host("devbox:8080", "devbox")
        True
    """
    if LOCAL.fullmatch(host):
        return True
    return bool(own) and PORT.sub("", host).strip("[]").lower() == own.lower()
