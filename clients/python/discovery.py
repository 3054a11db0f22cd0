"""First peers for a peer-to-peer VPN, from the Landfall sidecar on this machine.

    for peer in discovery.bootstrap_peers(min_peers=8, timeout=30.0):
        try_handshake(peer.id, peer.endpoints)

and the same for asyncio:

    async with discovery.Discovery() as landfall:
        for peer in await landfall.peers(8):
            await landfall.report(peer, ok=await try_handshake(peer))

The sidecar (`landfall run`) finds and verifies peers; this module only asks it, over HTTP on a Unix socket. It opens no
other connection, starts no thread, writes no file, and starts a program only when told so (`spawn`). What comes back is
bounded in size and time and checked: a broken sidecar gives an error, never a hang. Python 3.9, standard library only.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import math
import os
import socket
import subprocess
import sys
import time
import types
import urllib.parse
import weakref
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Union

PathLike = Union[str, "os.PathLike[str]"]

MAX_HEAD = 16 * 1024     # bytes of a status line and headers; the sidecar's are below 500
MAX_BODY = 1024 * 1024   # bytes of an answer or event; 32 peers and 100 lanes are below 64 KiB
MAX_WAIT = 120           # seconds for which the API lets a request wait for peers
MAX_RTT_MS = 3_600_000   # what the API takes
REQUEST_TIMEOUT = 5.0    # seconds for everything that does not wait for the network
STOP_TIMEOUT = 5.0       # seconds from SIGTERM to SIGKILL for a sidecar that we started; it needs one
POLL_INTERVAL = 0.02     # seconds between looks at a child: without a thread the standard library has no event for it
TIERS = ("A", "A-", "B", "C")


@dataclass(frozen=True)
class Peer:
    """A peer to try. Only your own authenticated handshake proves it good: tell the sidecar with `report`."""
    id: str                      #: base64url SHA-256 of its public key; "~" and a hash if that is unknown
    endpoints: tuple[str, ...]   #: "tcp://198.51.100.1:443", "udp://[2001:db8::1]:443"; at least one
    roles: tuple[str, ...] = ()
    source: str = "list"         #: list, seed: signed; live, dht, lan, exchange: hints; manual: by hand
    tier: str = "C"              #: of its list: A fresh, A- valid, B expired up to 30 days ago, C older or compiled in
    list_version: int = 0
    first_seen: int = 0          #: Unix time
    proxy: bool = False          #: direct dialling failed here: connect through `Peers.socks`


@dataclass(frozen=True)
class Socks:
    """The sidecar's SOCKS5 port, for peers with `proxy`. The password changes at every start of the sidecar."""
    address: str
    user: str
    password: str = field(repr=False)


class Peers(list[Peer]):
    """A list of peers that also says what it is worth."""
    tier: str = "C"                   #: the worst tier of a signed peer here; C when none is signed
    provisional: bool = False         #: from an older list, while the sidecar looks for a fresh one: ask again later
    short: bool = False               #: fewer than asked for
    degraded: tuple[str, ...] = ()    #: rules of spreading over networks that could not be kept: country, asn, group
    socks: Socks | None = None


@dataclass(frozen=True)
class Lane:
    """How an attempt on one route ended."""
    route: str
    kind: str = ""
    outcome: str = ""
    stage: str = ""
    error: str = ""
    ms: int = 0

    def __str__(self) -> str:
        at = f" at {self.stage}" if self.stage not in ("", "none") else ""
        why = f": {self.error}" if self.error else ""
        return f"{self.route}: {self.outcome}{at}{why} ({self.ms} ms)"


@dataclass(frozen=True)
class Event:
    """Something that happened: "lane_ended", {"at": 1795132800123, "race": 1, "route": "https-1", …}"""
    name: str
    data: Mapping[str, Any]


class SidecarError(Exception):
    """The sidecar cannot be asked, or refused. `name`: the API's, or "unreachable", "timeout", "malformed"."""

    def __init__(self, message: str, *, name: str, hint: str = "", lanes: Sequence[Lane] = ()) -> None:
        super().__init__(message)
        self.message, self.name, self.hint, self.lanes = message, name, hint, tuple(lanes)

    def __str__(self) -> str:
        hint = [f"hint: {self.hint}"] if self.hint else []
        return "\n  ".join([self.message, *map(str, self.lanes), *hint])


class BootstrapError(SidecarError):
    """There is no peer at all. `lanes` has what happened on each route; `str()` explains it, a line per route."""


def socket_path() -> str:
    """Where the sidecar listens: the same rule as the sidecar's own (config/paths.hpp); change both or neither."""
    def folder(name: str) -> str:  # relative ones are ignored, as the XDG base directory specification says
        return os.environ.get(name, "") if os.path.isabs(os.environ.get(name, "")) else ""

    home = folder("HOME") or os.path.expanduser("~")  # which asks the user database without HOME
    state = "/run" if os.geteuid() == 0 else folder("XDG_STATE_HOME") or home + "/.local/state"
    return os.environ.get("LANDFALL_API") or (folder("XDG_RUNTIME_DIR") or state) + "/landfall/api.sock"


def bootstrap_peers(min_peers: int = 8, timeout: float = 30.0, *, socket_path: PathLike | None = None) -> list[Peer]:
    """Peers to try: at least `min_peers` (1 to 32) if so many are found within `timeout` seconds, else what there is.

    The value is a `Peers`. Blocks; in asyncio use `Discovery`. Raises BootstrapError when there is none at all.
    """
    question = _peers_question(min_peers, timeout, 16, "any")
    try:
        return _read_peers(_ask(_path(socket_path), "GET", question, None, timeout))
    except SidecarError as error:
        raise _as_bootstrap(error) from None


def report(peer: Peer, ok: bool, *, rtt_ms: float | None = None, endpoint: str | None = None,
           socket_path: PathLike | None = None) -> None:
    """Tells the sidecar how your own authenticated handshake with `peer` went (at `endpoint`, else its first).

    Raises SidecarError; its `name` is "not_found" when the sidecar no longer knows the peer.
    """
    _ask(_path(socket_path), "POST", *_report_question(peer, ok, rtt_ms, endpoint), REQUEST_TIMEOUT)


class Discovery:
    """The sidecar, for asyncio. Every call has a connection of its own: calls may overlap and be cancelled freely.

    `spawn` is a command to start when no sidecar answers, as ["landfall", "run", "-c", "landfall.toml"]. It is given
    --exit-with-parent, so that it cannot outlive us, has `spawn_timeout` seconds to get ready, and is ended by `close`.
    Its messages go to our standard error.
    """

    def __init__(self, *, socket_path: PathLike | None = None, spawn: Sequence[str] | None = None,
                 spawn_timeout: float = 10.0) -> None:
        self._path = _path(socket_path)
        self._spawn = list(spawn or ())
        self._spawn_timeout = spawn_timeout
        self._child: subprocess.Popen[bytes] | None = None
        self._streams: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    async def __aenter__(self) -> Discovery:
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the streams of `events` and the sidecar that we started. May be called more than once."""
        for stream in list(self._streams):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        child, self._child = self._child, None
        if child:
            try:
                child.terminate()
                deadline = time.monotonic() + STOP_TIMEOUT
                while child.poll() is None and time.monotonic() < deadline:
                    await asyncio.sleep(POLL_INTERVAL)
            finally:  # also when we are cancelled: nothing of ours is left behind
                child.kill()
                child.wait()

    async def peers(self, min_peers: int = 8, timeout: float = 30.0, *, max_peers: int = 16,
                    freshness: str = "any") -> Peers:
        """As `bootstrap_peers`. `freshness`: "any", "valid" (tiers A and A-) or "fresh" (tier A)."""
        question = _peers_question(min_peers, timeout, max_peers, freshness)
        try:
            return _read_peers(await self._ask("GET", question, None, timeout))
        except SidecarError as error:
            raise _as_bootstrap(error) from None

    async def report(self, peer: Peer, ok: bool, *, rtt_ms: float | None = None, endpoint: str | None = None) -> None:
        """As the function `report`."""
        await self._ask("POST", *_report_question(peer, ok, rtt_ms, endpoint))

    async def status(self) -> dict[str, Any]:
        """What is going on: the object of `GET /v1/status`."""
        return _object(await self._ask("GET", "/v1/status"))

    async def refresh(self) -> int:
        """Starts a race now, or joins the one that runs: its number. Never bypasses a penalty."""
        return _integer(_object(await self._ask("POST", "/v1/refresh", {})), "race")

    async def events(self) -> AsyncIterator[Event]:
        """What happens from now on, until the sidecar or `close` ends the stream. Has no deadline: cancel it, or break.

        The sidecar drops events that are read too slowly, and counts them in `status()["events_lost"]`.
        """
        loop = asyncio.get_running_loop()
        try:
            with _connect(self._path) as stream:
                self._streams.add(stream)
                pending = await asyncio.wait_for(self._open_events(stream), REQUEST_TIMEOUT)
                while True:
                    *blocks, pending = pending.replace(b"\r\n", b"\n").split(b"\n\n")
                    for event in filter(None, map(_read_event, blocks)):
                        yield event
                    if len(pending) > MAX_BODY:
                        raise _malformed("an event is too long")
                    chunk = await loop.sock_recv(stream, 65536)
                    if not chunk:
                        return
                    pending += chunk
        except (OSError, asyncio.TimeoutError) as error:
            raise _failed(self._path, error) from None

    async def _open_events(self, stream: socket.socket) -> bytes:
        """Asks for the stream; its first bytes. A refusal is raised as for every other request."""
        loop, answer = asyncio.get_running_loop(), _Answer()
        await loop.sock_sendall(stream, _request("GET", "/v1/events", None))
        while not (answer.status == 200 or answer.done):
            answer.feed(await loop.sock_recv(stream, 65536))
        if answer.status != 200:
            answer.value()
        return answer.rest

    async def _ask(self, method: str, target: str, body: Mapping[str, Any] | None = None,
                   timeout: float = REQUEST_TIMEOUT) -> Any:
        try:
            return await asyncio.wait_for(self._exchange(_request(method, target, body)), timeout)
        except (OSError, asyncio.TimeoutError) as error:
            raise _failed(self._path, error) from None

    async def _exchange(self, request: bytes) -> Any:
        loop, answer = asyncio.get_running_loop(), _Answer()
        with _connect(self._path) as stream:
            await loop.sock_sendall(stream, request)
            while not answer.done:
                answer.feed(await loop.sock_recv(stream, 65536))
        return answer.value()

    async def _start(self) -> None:
        """A sidecar that answers is used as it is; else ours is started and waited for."""
        if not self._spawn or await self._answers():
            return
        program, ours = self._spawn[0], "--exit-with-parent"
        try:
            self._child = subprocess.Popen([*(word for word in self._spawn if word != ours), ours],
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           env={**os.environ, "LANDFALL_API": self._path})
        except OSError as error:
            raise SidecarError(f"{program} cannot be started: {error.strerror}", name="unreachable") from None
        deadline = time.monotonic() + self._spawn_timeout
        while not await self._answers():
            if self._child.poll() is not None:
                raise SidecarError(f"{program} ended with status {self._child.returncode} before it was ready",
                                   name="unreachable", hint="its messages are on standard error")
            if time.monotonic() > deadline:
                raise SidecarError(f"{program} was not ready within {self._spawn_timeout:g} s", name="timeout")
            await asyncio.sleep(POLL_INTERVAL)

    async def _answers(self) -> bool:
        with contextlib.suppress(SidecarError):
            await self._ask("GET", "/v1/status", timeout=1.0)
            return True
        return False


class _Answer:
    """Bytes of one answer in, its JSON out, for the blocking and the asyncio driver. http.client reads the head.

    Asked for as HTTP/1.0, it is never chunked and ends with its length or the connection (RFC 9112 §6.3, §7.1).
    """

    def __init__(self) -> None:
        self.status = 0  # until the head is there
        self.rest = b""
        self.done = False
        self._length: int | None = None

    def feed(self, chunk: bytes) -> None:
        """What one recv gave; empty: the sidecar closed."""
        self.rest += chunk
        if not self.status and b"\r\n\r\n" in self.rest:
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            self._read_head(head + b"\r\n\r\n")
        if not self.status and not chunk:
            raise _malformed("the connection was closed")
        if len(self.rest) > (MAX_BODY if self.status else MAX_HEAD):
            raise _malformed("it is too long")
        length = math.inf if self._length is None else self._length
        self.done = self.status > 0 and (not chunk or len(self.rest) >= length)

    def value(self) -> Any:
        """The JSON of a good answer, None when it is empty; every other answer is raised."""
        if self._length is not None and len(self.rest) < self._length:
            raise _malformed("it was cut short")
        value = _json(self.rest) if self.rest else None
        if 200 <= self.status < 300:
            return value
        refusal = value if isinstance(value, dict) else {}
        lanes = refusal.get("lanes")
        raise SidecarError(_text(refusal, "message") or f"the sidecar answered with status {self.status}",
                           name=_text(refusal, "error") or "malformed", hint=_text(refusal, "hint"),
                           lanes=[_lane(lane) for lane in lanes] if isinstance(lanes, list) else [])

    def _read_head(self, head: bytes) -> None:
        canned: Any = types.SimpleNamespace(makefile=lambda mode: io.BytesIO(head))
        response = http.client.HTTPResponse(canned)
        try:
            response.begin()
        except (http.client.HTTPException, ValueError):
            raise _malformed("it is not HTTP") from None
        if response.chunked:
            raise _malformed("it is chunked, although asked for as HTTP/1.0")
        self.status, self._length = response.status, response.length


def _request(method: str, target: str, body: Mapping[str, Any] | None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    of_body = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{method} {target} HTTP/1.0\r\nHost: landfall\r\n{of_body}\r\n".encode("ascii") + content


def _connect(path: str) -> socket.socket:
    """Connected and not blocking; on a Unix socket there is nothing to wait for."""
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.setblocking(False)
        stream.connect(path)
    except OSError:
        stream.close()
        raise
    return stream


def _ask(path: str, method: str, target: str, body: Mapping[str, Any] | None, timeout: float) -> Any:
    """The blocking driver. The deadline covers all of it, so that a byte a second does not prolong it."""
    deadline, answer = time.monotonic() + timeout, _Answer()
    try:
        with _connect(path) as stream:
            stream.settimeout(timeout)
            stream.sendall(_request(method, target, body))
            while not answer.done:
                stream.settimeout(max(1e-3, deadline - time.monotonic()))
                answer.feed(stream.recv(65536))
                if time.monotonic() > deadline:
                    raise socket.timeout
    except OSError as error:
        raise _failed(path, error) from None
    return answer.value()


def _path(given: PathLike | None) -> str:
    return socket_path() if given is None else os.fspath(given)


def _failed(path: str, error: Exception) -> SidecarError:
    if isinstance(error, (socket.timeout, asyncio.TimeoutError)):
        return SidecarError("the sidecar did not answer in time", name="timeout")
    return SidecarError(f"no sidecar answers at {path}: {getattr(error, 'strerror', None) or error}",
                        name="unreachable", hint="start `landfall run`, or name its socket in LANDFALL_API")


def _malformed(why: str) -> SidecarError:
    return SidecarError(f"the sidecar's answer cannot be read: {why}", name="malformed")


def _as_bootstrap(error: SidecarError) -> BootstrapError:
    return BootstrapError(error.message, name=error.name, hint=error.hint, lanes=error.lanes)


def _peers_question(min_peers: int, timeout: float, max_peers: int, freshness: str) -> str:
    if not (1 <= min_peers <= 32 and 1 <= max_peers <= 32):
        raise ValueError("1 to 32 peers can be asked for")
    if not 0 < timeout < math.inf:
        raise ValueError("timeout is a number of seconds above 0")
    wait = min(MAX_WAIT, int(max(0.0, timeout - 0.25)))  # the rest is for the answer to arrive
    question = {"min": min_peers, "max": max(min_peers, max_peers), "wait": wait, "freshness": freshness}
    return "/v1/peers?" + urllib.parse.urlencode(question)


def _report_question(peer: Peer, ok: bool, rtt_ms: float | None, endpoint: str | None) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"endpoint": endpoint or peer.endpoints[0], "ok": bool(ok)}
    if rtt_ms is not None:
        body["rtt_ms"] = min(max(0, round(rtt_ms)), MAX_RTT_MS)
    return f"/v1/peers/{urllib.parse.quote(peer.id, safe='~')}/outcome", body


def _read_peers(value: Any) -> Peers:
    answer = _object(value)
    listed = answer.get("peers")
    if not isinstance(listed, list):
        raise _malformed("it names no peers")
    peers = Peers(map(_peer, listed))
    if not peers:
        raise SidecarError("the sidecar has no peers", name="no_peers")
    signed = [peer.tier for peer in peers if peer.source in ("list", "seed")]
    peers.tier = max(signed, key=TIERS.index, default="C")
    peers.provisional, peers.short = answer.get("provisional") is True, answer.get("short") is True
    peers.degraded = _texts(answer.get("degraded", []))
    socks = answer.get("socks")
    if isinstance(socks, dict):
        peers.socks = Socks(_text(socks, "address"), _text(socks, "user"), _text(socks, "password"))
    return peers


def _peer(value: Any) -> Peer:
    peer = _object(value)
    found = Peer(id=_text(peer, "id"), endpoints=_texts(peer.get("endpoints", [])), roles=_texts(peer.get("roles", [])),
                 source=_text(peer, "source"), tier=_text(peer, "tier"), list_version=_integer(peer, "list_version"),
                 first_seen=_integer(peer, "first_seen"), proxy=peer.get("proxy") is True)
    if not found.id or not found.endpoints or found.tier not in TIERS:
        raise _malformed("a peer lacks its id, endpoints or tier")
    return found


def _lane(value: Any) -> Lane:
    lane = _object(value)
    return Lane(route=_text(lane, "route"), kind=_text(lane, "kind"), outcome=_text(lane, "outcome"),
                stage=_text(lane, "stage"), error=_text(lane, "error"), ms=_integer(lane, "ms"))


def _read_event(block: bytes) -> Event | None:
    """One block of an event stream; None for comments, which keep the connection alive."""
    fields: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition(":")
        fields[key] = value[1:] if value.startswith(" ") else value
    return Event(fields.get("event", "message"), _object(_json(fields["data"]))) if "data" in fields else None


def _json(text: bytes | str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _malformed("it is not JSON") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _malformed("an object is missing")
    return value


def _text(owner: Mapping[str, Any], name: str) -> str:
    """The text, fit for a terminal: names of routes come from lists that others write. Empty when it is absent."""
    value = owner.get(name, "")
    return "".join(c if c.isprintable() else "?" for c in value) if isinstance(value, str) else ""


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
        raise _malformed("a list of texts is missing")
    return tuple(value)


def _integer(owner: Mapping[str, Any], name: str) -> int:
    value = owner.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _malformed(f"{name} is not a number")
    return value


def _main() -> int:
    """`python3 discovery.py [MIN_PEERS]`: a peer a line, as JSON. Exit status 1 when there is none."""
    try:
        for peer in bootstrap_peers(int(sys.argv[1]) if len(sys.argv) > 1 else 8):
            print(json.dumps(asdict(peer)))
    except (BootstrapError, ValueError) as error:
        print(f"discovery: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
