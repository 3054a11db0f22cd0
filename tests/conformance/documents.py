"""Signed documents as docs/FORMATS.md describes them: payloads, envelopes, chains of roots. No code is shared with the C++."""
import base64
import functools
import hashlib
import json

from composite import Key, keyid, verify

TYPES = {
    "root": ("application/vnd.landfall.root.v1+json", b"landfall/root/v1"),
    "list": ("application/vnd.landfall.peerlist.v1+json", b"landfall/list/v1"),
    "live": ("application/vnd.landfall.livelist.v1+json", b"landfall/live/v1"),
}
DAY = 86400
ISSUED = 1795132800
NOW = ISSUED + 3600
NETWORK = "conformance"
MAX_INTEGER = 2**53 - 1


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pae(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def text(value) -> bytes:
    """JSON as bytes; bytes pass through, so that a case may write its own."""
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


@functools.lru_cache(maxsize=None)
def key(name: str) -> Key:
    return Key("landfall conformance " + name)


def signature(kind: str, payload: bytes, signer: Key, **how) -> dict:
    payload_type, context = TYPES[kind]
    return {"keyid": signer.id, "sig": b64(signer.sign(pae(payload_type, payload), context, **how))}


def envelope(kind: str, payload, signers=(), signatures=None, **members) -> dict:
    """`signers` sign; `signatures`, where given, stands as it is."""
    body = text(payload)
    made = [signature(kind, body, s) for s in signers] if signatures is None else signatures
    return {"payloadType": TYPES[kind][0], "payload": b64(body), "signatures": made, **members}


def peer_id(n: int) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(b"peer %d" % n).digest()).decode().rstrip("=")


def peer(n: int, **changes) -> dict:
    return {"id": peer_id(n), "endpoints": [f"tcp://198.51.{100 + n // 250}.{1 + n % 250}:443"], "roles": ["relay"],
            "asn": 64496 + n, "cc": "DE", "seen": ISSUED, "weight": 100, **changes}


def peer_list(**changes) -> dict:
    base = {"type": "peerlist", "spec": 1, "network": NETWORK, "channel": "public-0", "epoch": 1, "version": 7, "root_version": 1,
            "issued": ISSUED, "fresh_until": ISSUED + DAY, "expires": ISSUED + 14 * DAY,
            "peers": [peer(n) for n in range(10)], "revoked": [],
            "servers": [{"keyid": key("server").id, "url": "https://bootstrap1.example.net/7f3a9c/", "region": "eu"}],
            "routes": [{"kind": "fronted", "url": "https://hidden.example.org/7f3a9c/", "fronts": ["cdn-a.example.com"], "tier": 1}]}
    base.update(changes)
    return {name: value for name, value in base.items() if value is not None}


ROOT_SIGNERS, LIST_SIGNERS = ("root a", "root b", "root c"), ("list a", "list b", "list c")


def root(roots=ROOT_SIGNERS, lists=LIST_SIGNERS, epoch=1, min_version=1, threshold=2, list_threshold=2, **changes) -> dict:
    names = dict.fromkeys([*roots, *lists])
    base = {"type": "root", "spec": 1, "network": NETWORK, "version": 1, "issued": ISSUED - 30 * DAY, "expires": ISSUED + 335 * DAY,
            "keys": {key(n).id: {"alg": "mldsa65-ed25519", "pk": key(n).pk} for n in names},
            "roles": {"root": {"keyids": [key(n).id for n in roots], "threshold": threshold},
                      "list": {"keyids": [key(n).id for n in lists], "threshold": list_threshold, "epoch": epoch,
                               "min_version": min_version}}}
    base.update(changes)
    return {name: value for name, value in base.items() if value is not None}


def signed_list(signers=LIST_SIGNERS[:2], payload=None, **changes) -> dict:
    return envelope("list", peer_list(**changes) if payload is None else payload, [key(n) for n in signers])


def signed_root(signers=ROOT_SIGNERS[:2], payload=None, **changes) -> dict:
    return envelope("root", root(**changes) if payload is None else payload, [key(n) for n in signers])


@functools.lru_cache(maxsize=None)
def root_1() -> bytes:
    return text(signed_root())


@functools.lru_cache(maxsize=None)
def chain(length: int) -> tuple:
    """`length` roots, the root keys changing by one at each step, so that no key signs for long."""
    def keys_of(version):
        return tuple(f"root {n}" for n in range(version, version + 3))
    roots = []
    for version in range(1, length + 1):
        old, new = keys_of(max(1, version - 1)), keys_of(version)
        signers = dict.fromkeys([*old[:2], *new[:2]])
        roots.append(text(signed_root(signers=signers, roots=new, version=version)))
    return tuple(roots)


def valid_signers(kind: str, document: bytes, publics: list) -> list:
    """The keyids, of these public keys, that have a valid signature in an envelope made elsewhere."""
    parsed = json.loads(document)
    payload_type, context = TYPES[kind]
    assert parsed["payloadType"] == payload_type, parsed["payloadType"]
    message = pae(payload_type, base64.b64decode(parsed["payload"], validate=True))
    by_id = {keyid(p): p for p in publics}
    return sorted(s["keyid"] for s in parsed["signatures"]
                  if s["keyid"] in by_id and verify(by_id[s["keyid"]], message, context, base64.b64decode(s["sig"], validate=True)))
