"""The server: a socket, and one process or several that answer on it."""

import socket
from ipaddress import ip_address

from overton.base import Observe, OvertonError, Problem, ignore
from overton.serve.process import serve
from overton.serve.settings import Settings, read_token
from overton.serve.workers import supervise

PORTS = range(1 << 16)


def run(settings: Settings, *, observe: Observe = ignore) -> None:
    """Serve until told to stop.

    Args:
        settings: What is served, and how.
        observe: Told when the server is ready and when it stops, of versions that it changes to, and of failures.

    Raises:
        OvertonError: Where it may not or cannot bind, the token is no good, or the model cannot be loaded.
    """
    token = read_token(settings)
    listener = bind(settings.host, settings.port, token=bool(token))
    try:
        if settings.workers > 1:
            supervise(settings, listener, token, observe=observe)
        else:
            serve(settings, listener, token, observe=observe)
    finally:
        listener.close()


def bind(host: str, port: int, *, token: bool) -> socket.socket:
    """A socket bound to an address.

    Raises:
        OvertonError: Where it cannot be, or may not be, since no token is asked for.
    """
    try:
        if port not in PORTS:
            raise OverflowError(f"a port is a number from 0 to {PORTS[-1]}")
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if not token and not ip_address(str(address[0])).is_loopback:
            raise OvertonError(
                Problem(
                    message=f"{host} can be reached from other machines, and no token is asked for",
                    code="serve.not-loopback",
                    hint="Bind 127.0.0.1, or give a token with --token-file",
                )
            )
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise OvertonError(
            Problem(
                message=f"cannot bind {host}:{port}: {error}",
                code="serve.bind",
                hint="Choose another --port, or stop the process that has it",
            )
        ) from None
    return listener
