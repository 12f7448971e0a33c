"""Where the load goes: a URL taken apart and resolved, refused with a reason where it cannot be used."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadgen.errors import UsageError


@dataclass(frozen=True)
class Target:
    """A resolved URL. `address` is what connect() takes; `authority` what the Host header says."""

    url: str
    scheme: str
    authority: str
    path: str
    family: int
    address: tuple[str, int] | tuple[str, int, int, int]

    @property
    def websocket(self) -> bool:
        """Whether the URL asks for a WebSocket."""
        return self.scheme == "ws"


def parse(url: str, *, allow_remote: bool = False) -> Target:
    """Take a URL apart and resolve its host.

    Raises UsageError for what is not http:// or ws://, for a host that cannot be resolved, and for one that is not
    this machine unless `allow_remote`.
    """
    if any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise UsageError(f"the URL {url!r} holds white space or control characters; encode them as %20 and so on")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme in ("https", "wss"):
        raise UsageError(
            f"{parts.scheme}:// needs TLS, which is not supported: this instrument measures servers over plain "
            "http:// and ws://; point it at the server's port without TLS"
        )
    if parts.scheme not in ("http", "ws"):
        raise UsageError(f"{url!r} must begin with http:// or ws://, for example http://127.0.0.1:8000/")
    if not parts.hostname:
        raise UsageError(f"{url!r} has no host; write it like http://127.0.0.1:8000/")
    if parts.username is not None:
        raise UsageError("a user name in the URL is not supported; send it with --header 'Authorization: ...'")
    if port == 0:
        raise UsageError(f"{url!r}: nothing can listen on port 0")
    family, address = _resolve(parts.hostname, port or 80)
    if not allow_remote and not ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
        raise UsageError(
            f"{parts.hostname} is not this machine: a load test of a host that has not asked for one is an attack, and "
            "over a network the network is measured; give --allow-remote if the host is yours"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise UsageError(f"the path of {url!r} is not ASCII; percent-encode it")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port in (None, 80) else f"{host}:{port}"
    return Target(url, parts.scheme, authority, path, family, address)


def _resolve(host: str, port: int) -> tuple[int, tuple[str, int] | tuple[str, int, int, int]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"the host {host!r} cannot be resolved: {error}") from None
    # IPv4 first: "localhost" is both, and most servers listen on 127.0.0.1 alone.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]  # typeshed also allows for families without a port
