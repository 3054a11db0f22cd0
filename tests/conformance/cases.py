"""Every document made for `landfall list verify`, and what it must say about each.

A case is (name, document, what is expected, roots, further arguments). The rows are those of the bugs that others shipped
and of the tests that they run; docs/FORMATS.md names the errors in the order in which they are checked.
"""
import base64
import copy
import json
from dataclasses import dataclass, field

import ed25519
from composite import LABEL, ML_PUBLIC, ML_SIGNATURE, Key, keyid, ml_sign, representative
from documents import (DAY, ISSUED, LIST_SIGNERS, MAX_INTEGER, NOW, TYPES, b64, chain, envelope, key, pae, peer, peer_id, peer_list,
                       root, root_1, signature, signed_list, signed_root, text)


@dataclass
class Case:
    name: str
    document: bytes
    expect: str
    roots: list = field(default_factory=lambda: [root_1()])
    now: int = NOW
    arguments: list = field(default_factory=list)


CASES = []


def case(name, document, expect, **more):
    CASES.append(Case(name, text(document), expect, **more))


A, B, C = (key(n) for n in LIST_SIGNERS)


def signed_bytes(payload: bytes) -> bytes:
    """A list envelope around payload bytes that no JSON writer would make; the signatures hold."""
    return text(envelope("list", payload, [A, B]))


def with_text(old: str, new: str, **changes) -> bytes:
    """A signed list in whose payload text `old` became `new` before it was signed."""
    before = text(peer_list(**changes)).decode()
    assert before.count(old) >= 1, old
    return signed_bytes(before.replace(old, new, 1).encode())


def with_signatures(make, **changes) -> bytes:
    """A list whose signature array is what `make(payload bytes)` returns."""
    payload = text(peer_list(**changes))
    return text(envelope("list", payload, signatures=make(payload)))


def flip(encoded: str, index: int) -> str:
    raw = bytearray(base64.b64decode(encoded))
    raw[index] ^= 1
    return b64(bytes(raw))


# --- accepted ----------------------------------------------------------------------------------------------------------
def accepted_documents():
    case("two of three keys", signed_list(), "accepted A")
    case("all three keys", signed_list(LIST_SIGNERS), "accepted A")
    case("no optional member", signed_list(servers=[], routes=[], revoked=[]), "accepted A")
    case("unknown members are ignored", signed_list(future={"deep": [1, None, True]}), "accepted A")
    case("unknown envelope members are ignored", {**signed_list(), "note": "x"}, "accepted A")
    case("white space and order in the envelope are free",
         json.dumps(dict(reversed(signed_list().items())), indent=3).encode(), "accepted A")
    case("the payload's own spelling is kept", signed_bytes(json.dumps(peer_list(), indent=2, sort_keys=True).encode()), "accepted A")
    case("256 peers with 4 endpoints",
         signed_list(peers=[peer(n, endpoints=[f"tcp://198.51.100.{n % 250 + 1}:{p}" for p in (443, 80, 22, 53)]) for n in range(256)]),
         "accepted A")
    case("IPv6 and UDP", signed_list(peers=[peer(0, endpoints=["udp://[2001:db8::1]:443"])]), "accepted A")
    case("16 routes and 64 servers", signed_list(
        routes=[{"kind": "https", "url": f"https://r{n}.example.net/x/", "tier": 1} for n in range(16)],
        servers=[{"keyid": key("server").id, "url": f"https://s{n}.example.net/x/", "region": "eu"} for n in range(64)]), "accepted A")
    case("a route of a kind from the future", signed_list(routes=[{"kind": "carrier-pigeon", "tier": 1}]), "accepted A")
    case("the largest version", signed_list(version=MAX_INTEGER), "accepted A")
    case("exactly 128 KiB", padded(128 * 1024), "accepted A")
    case("issued 31 days before its end", signed_list(expires=ISSUED + 31 * DAY), "accepted A")


def padded(size: int) -> bytes:
    document = text(signed_list())
    return b"{" + b" " * (size - len(document)) + document[1:]


def freshness():
    for name, now, tier in [("at its issue", ISSUED, "A"), ("on its last fresh second", ISSUED + DAY, "A"),
                            ("a second later", ISSUED + DAY + 1, "A-"), ("on its last valid second", ISSUED + 14 * DAY, "A-"),
                            ("a second expired", ISSUED + 14 * DAY + 1, "B"), ("30 days expired", ISSUED + 44 * DAY, "B"),
                            ("more than 30 days expired", ISSUED + 44 * DAY + 1, "C"), ("a clock ten years behind", NOW - 3650 * DAY, "A"),
                            ("a clock ten years ahead", NOW + 3650 * DAY, "C"), ("a clock at 0", 0, "A")]:
        case("dates: " + name, signed_list(), "accepted " + tier, now=now)
    old_root = text(signed_root(expires=ISSUED + 1800))
    case("dates: an expired root lowers the list to B", signed_list(), "accepted B", roots=[old_root])


# --- signatures --------------------------------------------------------------------------------------------------------
def extra_signatures():
    good = lambda p: [signature("list", p, A), signature("list", p, B)]
    stranger, rubbish = key("stranger"), b64(bytes(3373))
    case("an unknown key's signature is ignored", with_signatures(lambda p: [signature("list", p, stranger), *good(p)]), "accepted A")
    case("a bad extra signature spoils nothing",
         with_signatures(lambda p: [{"keyid": C.id, "sig": rubbish}, *good(p)]), "accepted A")
    case("a short extra signature spoils nothing", with_signatures(lambda p: [{"keyid": C.id, "sig": b64(b"abc")}, *good(p)]), "accepted A")
    case("one key's signature twice, and another's", with_signatures(lambda p: [signature("list", p, A), *good(p)]), "accepted A")
    case("eight signatures", with_signatures(
        lambda p: [*good(p), *({"keyid": key(f"stranger {n}").id, "sig": rubbish} for n in range(6))]), "accepted A")
    case("nine signatures", with_signatures(
        lambda p: [*good(p), *({"keyid": key(f"stranger {n}").id, "sig": rubbish} for n in range(7))]), "refused too_large")
    case("halves of two signatures on the same bytes recombine", with_signatures(
        lambda p: [signature("list", p, A), recombined(signature("list", p, B, randomness=b"1" * 32), signature("list", p, B))]),
         "accepted A")


def recombined(first: dict, second: dict) -> dict:
    one, two = base64.b64decode(first["sig"]), base64.b64decode(second["sig"])
    return {"keyid": first["keyid"], "sig": b64(one[:ML_SIGNATURE] + two[ML_SIGNATURE:])}


def bad_signatures():
    other = text(peer_list(version=8))

    def second(make):
        return with_signatures(lambda p: [signature("list", p, A), make(p)])

    def cut(p, change):
        s = signature("list", p, B)
        return {"keyid": B.id, "sig": b64(change(base64.b64decode(s["sig"])))}

    def plain_mldsa(p):
        m = pae(TYPES["list"][0], p)
        return {"keyid": B.id, "sig": b64(ml_sign(B.ml_secret, m, b"") + ed25519.sign(B.ed_seed, m))}

    forged = {
        "no signature": with_signatures(lambda p: []),
        "one of two": with_signatures(lambda p: [signature("list", p, A)]),
        "the same signature twice": with_signatures(lambda p: [signature("list", p, A)] * 2),
        "two different signatures of one key": second(lambda p: signature("list", p, A, randomness=b"2" * 32)),
        "one key's signature under two ids": second(lambda p: {**signature("list", p, A), "keyid": B.id}),
        "an unknown key": second(lambda p: signature("list", p, key("stranger"))),
        "an unknown key that claims a known id": second(lambda p: {**signature("list", p, key("stranger")), "keyid": B.id}),
        "a root key": second(lambda p: signature("list", p, key("root a"))),
        "Ed25519 half wrong": second(lambda p: {"keyid": B.id, "sig": flip(signature("list", p, B)["sig"], ML_SIGNATURE + 5)}),
        "ML-DSA half wrong": second(lambda p: {"keyid": B.id, "sig": flip(signature("list", p, B)["sig"], 5)}),
        "ML-DSA half alone": second(lambda p: cut(p, lambda s: s[:ML_SIGNATURE])),
        "Ed25519 half alone": second(lambda p: cut(p, lambda s: s[ML_SIGNATURE:])),
        "ML-DSA half zero": second(lambda p: cut(p, lambda s: bytes(ML_SIGNATURE) + s[ML_SIGNATURE:])),
        "Ed25519 half zero": second(lambda p: cut(p, lambda s: s[:ML_SIGNATURE] + bytes(64))),
        "halves swapped": second(lambda p: cut(p, lambda s: s[ML_SIGNATURE:] + s[:ML_SIGNATURE])),
        "a byte more": second(lambda p: cut(p, lambda s: s + b"\0")),
        "a byte less": second(lambda p: cut(p, lambda s: s[:-1])),
        "an empty signature": second(lambda p: cut(p, lambda s: b"")),
        "halves of two keys": second(lambda p: recombined({**signature("list", p, A), "keyid": B.id}, signature("list", p, B))),
        "halves of two documents": second(lambda p: recombined(signature("list", p, B), signature("list", other, B))),
        "another document's signatures": with_signatures(lambda p: [signature("list", other, A), signature("list", other, B)]),
        "the context of roots": second(lambda p: with_context(p, b"landfall/root/v1")),
        "the context of live lists": second(lambda p: with_context(p, b"landfall/live/v1")),
        "no context": second(lambda p: with_context(p, b"")),
        "ML-DSA without the label as its context": second(lambda p: signature("list", p, B, ml_context=b"")),
        "another composite's label": second(lambda p: signature("list", p, B, label=b"COMPSIG-MLDSA65-Ed448-SHAKE256")),
        "plain signatures, not composite": second(plain_mldsa),
        "the payload signed without PAE": second(lambda p: {"keyid": B.id, "sig": b64(B.sign(p, TYPES["list"][1]))}),
        "an upper-case keyid": second(lambda p: {**signature("list", p, B), "keyid": B.id.upper()}),
        "a byte of the payload changed": tampered(),
        "a signed root that calls itself a list": retyped(signed_root(), "list"),
        "a signed live list that calls itself a list": retyped(envelope("live", peer_list(), [A, B]), "list"),
    }
    for name, document in forged.items():
        case("forged: " + name, document, "refused below_threshold")


def with_context(payload: bytes, context: bytes) -> dict:
    return {"keyid": B.id, "sig": b64(B.sign(pae(TYPES["list"][0], payload), context))}


def tampered() -> dict:
    document = signed_list()
    return {**document, "payload": flip(document["payload"], 40)}


def retyped(document: dict, kind: str) -> dict:
    return {**document, "payloadType": TYPES[kind][0]}


# --- form --------------------------------------------------------------------------------------------------------------
def too_large():
    many = [peer(n) for n in range(257)]
    for name, changes in {
        "257 peers": {"peers": many},
        "5 endpoints": {"peers": [peer(0, endpoints=[f"tcp://198.51.100.1:{p}" for p in range(1, 6)])]},
        "17 routes": {"routes": [{"kind": "https", "url": f"https://r{n}.example.net/x/", "tier": 1} for n in range(17)]},
        "65 servers": {"servers": [{"keyid": key("server").id, "url": f"https://s{n}.example.net/", "region": "eu"} for n in range(65)]},
        "a text of 513 bytes": {"servers": [{"keyid": key("server").id, "url": "https://s.example.net/", "region": "e" * 513}]},
    }.items():
        case(name, signed_list(**changes), "refused too_large")
    case("128 KiB and one byte", padded(128 * 1024 + 1), "refused too_large")
    case("a megabyte of brackets", b"[" * 2**20, "refused too_large")


def malformed_envelopes():
    good, document = signed_list(), text(signed_list())
    payload, sig = good["payload"], good["signatures"][0]["sig"]
    assert "=" in sig and "+" in sig + payload and "/" in sig + payload

    def replaced(old, new):
        return document.replace(old.encode(), new.encode(), 1)

    for name, broken in {
        "nothing": b"", "not JSON": b"hello", "null": b"null", "an array": b"[" + document + b"]", "cut short": document[:-1],
        "a byte order mark": b"\xef\xbb\xbf" + document, "trailing bytes": document + b"{}", "a trailing NUL": document + b"\0",
        "two documents": document * 2, "not UTF-8": b'{"note":"\xff",' + document[1:],
        "payloadType twice": b'{"payloadType":"' + good["payloadType"].encode() + b'",' + document[1:],
        "payload twice": b'{"payload":"e30=",' + document[1:],
        "signatures twice": b'{"signatures":[],' + document[1:],
        "a name twice by escape": b'{"p\\u0061yload":"e30=",' + document[1:],
        "an unknown name twice": b'{"x":1,"x":1,' + document[1:],
        "keyid twice": replaced('{"keyid":', '{"keyid":"x","keyid":'),
        "no payload": text({k: v for k, v in good.items() if k != "payload"}),
        "no payloadType": text({k: v for k, v in good.items() if k != "payloadType"}),
        "no signatures": text({k: v for k, v in good.items() if k != "signatures"}),
        "signatures is an object": text({**good, "signatures": {}}),
        "a signature is a text": text({**good, "signatures": ["x"]}),
        "payload is a number": text({**good, "payload": 1}),
        "an unknown payloadType": text({**good, "payloadType": "application/json"}),
        "a root's payloadType": text(retyped(good, "root")),
        "payloadType in capitals": text({**good, "payloadType": good["payloadType"].upper()}),
        "payload with a line break": text({**good, "payload": payload[:76] + "\n" + payload[76:]}),
        "payload with a space": text({**good, "payload": payload + " "}),
        "payload in the URL alphabet": text({**good, "payload": payload.replace("/", "_").replace("+", "-")})
        if set("/+") & set(payload) else text({**good, "payload": "_" + payload[1:]}),
        "payload with padding too much": text({**good, "payload": payload + "===="}),
        "a fraction": b'{"x":1.0,' + document[1:], "an exponent": b'{"x":1e3,' + document[1:], "minus zero": b'{"x":-0,' + document[1:],
        "a number over 2^53-1": b'{"x":9007199254740992,' + document[1:],
        "too deep": b'{"x":' + b"[" * 8 + b"]" * 8 + b"," + document[1:],
        "a comment": b"/* hello */" + document, "a trailing comma": document[:-1] + b",}",
    }.items():
        case("envelope: " + name, broken, "refused malformed")
    unpadded = text(peer_list(future="x"))
    while len(unpadded) % 3 == 0:
        unpadded += b" "
    document = envelope("list", unpadded, [A, B])
    case("envelope: payload without padding", {**document, "payload": document["payload"].rstrip("=")}, "refused malformed")
    stray = document["payload"]
    at = len(stray.rstrip("=")) - 1
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    case("envelope: payload with stray bits", {**document, "payload": stray[:at] + alphabet[alphabet.index(stray[at]) + 1] + stray[at + 1:]},
         "refused malformed")


def malformed_payloads():
    for name, payload in {
        "nothing": b"", "not JSON": b"hello", "an array": b"[]", "null": b"null", "trailing bytes": text(peer_list()) + b"x",
        "not UTF-8": text(peer_list(future="Q")).replace(b"Q", b"\xc3"), "UTF-16": text(peer_list()).decode().encode("utf-16"),
    }.items():
        case("payload: " + name, signed_bytes(payload), "refused malformed")
    for name, old, new in [
        ("version twice", '"version":7', '"version":7,"version":7'), ("a peer's id twice", '"id":', '"id":"x","id":'),
        ("version 7.0", '"version":7', '"version":7.0'), ("version 1e3", '"version":7', '"version":1e3'),
        ("version -0", '"version":7', '"version":-0'), ("version +7", '"version":7', '"version":+7'),
        ("version 07", '"version":7', '"version":07'), ("version -1", '"version":7', '"version":-1'),
        ("version 2^53", '"version":7', '"version":9007199254740992'), ("version 2^64", '"version":7', '"version":18446744073709551616'),
        ("version is a text", '"version":7', '"version":"7"'), ("version is true", '"version":7', '"version":true'),
        ("version is null", '"version":7', '"version":null'), ("NaN", '"version":7', '"version":NaN'),
        ("an unknown member with a fraction", '"version":7', '"version":7,"x":0.5'),
        ("an unknown member too deep", '"version":7', '"version":7,"x":' + "[" * 7 + "]" * 7),
    ]:
        case("payload: " + name, with_text(old, new), "refused malformed")
    for member in ("type", "spec", "network", "channel", "epoch", "version", "root_version", "issued", "fresh_until", "expires", "peers"):
        case(f"payload: no {member}", signed_list(**{member: None}), "refused malformed")
    for name, changes in {
        "the type of roots": {"type": "root"}, "the type of live lists": {"type": "livelist"}, "spec 2": {"spec": 2},
        "spec 0": {"spec": 0}, "spec is a text": {"spec": "1"}, "peers is an object": {"peers": {}}, "a peer is a text": {"peers": ["x"]},
        "fresh_until before issued": {"fresh_until": ISSUED - 1}, "expires before fresh_until": {"expires": ISSUED + DAY - 1},
        "a life over 31 days": {"expires": ISSUED + 31 * DAY + 1}, "a peer without endpoints": {"peers": [peer(0, endpoints=[])]},
        "a peer's id in two peers": {"peers": [peer(0), peer(1), peer(0)]},
        "a route of kind dht": {"routes": [{"kind": "dht", "tier": 1}]},
        "a route that names a file": {"routes": [{"kind": "https", "url": "https://x.example.net/y/", "tier": 1, "ca": "/etc/passwd"}]},
        "a route to a private address": {"routes": [{"kind": "https", "url": "https://10.0.0.1/y/", "tier": 1}]},
        "a relative server": {"servers": [{"keyid": key("server").id, "url": "/v1/", "region": "eu"}]},
    }.items():
        case("payload: " + name, signed_list(**changes), "refused malformed")
    for name, changes in {
        "id too short": {"id": peer_id(0)[:-1]}, "id padded": {"id": peer_id(0) + "="}, "id in the other alphabet": {"id": "+" * 43},
        "id is a number": {"id": 5}, "a name, not an address": {"endpoints": ["tcp://peer.example.net:443"]},
        "port 0": {"endpoints": ["tcp://198.51.100.1:0"]}, "port 65536": {"endpoints": ["tcp://198.51.100.1:65536"]},
        "no port": {"endpoints": ["tcp://198.51.100.1"]}, "an unknown scheme": {"endpoints": ["http://198.51.100.1:80"]},
        "a private address": {"endpoints": ["tcp://192.168.1.1:443"]}, "loopback": {"endpoints": ["tcp://127.0.0.1:443"]},
        "IPv4-mapped loopback": {"endpoints": ["tcp://[::ffff:127.0.0.1]:443"]}, "an endpoint is a number": {"endpoints": [443]},
    }.items():
        case("peer: " + name, signed_list(peers=[peer(0, **changes)]), "refused malformed")


# --- what it is for ----------------------------------------------------------------------------------------------------
def identity():
    case("another network", signed_list(network="other"), "refused wrong_network")
    case("another network in capitals", signed_list(network="Conformance"), "refused wrong_network")
    case("another channel", signed_list(channel="small-0"), "refused wrong_channel")
    case("the channel asked for", signed_list(channel="small-0", servers=[]), "accepted A", arguments=["--channel", "small-0"])
    case("not the channel asked for", signed_list(), "refused wrong_channel", arguments=["--channel", "small-0"])
    case("private addresses in a lab", signed_list(peers=[peer(0, endpoints=["tcp://10.0.0.1:443"])]), "accepted A", arguments=["--lab"])
    case("a newer root is needed", signed_list(root_version=2), "refused root_needed")
    demanding = [text(signed_root(min_version=8, epoch=3))]
    case("below the root's min_version", signed_list(epoch=3, version=7), "refused rolled_back", roots=demanding)
    case("at the root's min_version", signed_list(epoch=3, version=8), "accepted A", roots=demanding)
    case("an epoch that no root has given", signed_list(epoch=2), "refused root_needed")
    case("below the root's epoch", signed_list(epoch=2, version=9), "refused rolled_back", roots=demanding)


def roots():
    good = signed_list()

    def anchor(name, document, expect):
        case("anchor: " + name, good, expect, roots=[text(document)])

    for name, changes in {"threshold 0": {"list_threshold": 0}, "root threshold 0": {"threshold": 0}, "threshold -1": {"list_threshold": -1},
                          "threshold over n": {"list_threshold": 4}, "root threshold over n": {"threshold": 4}}.items():
        anchor(name, signed_root(**changes), "refused bad_root")
    listed_twice = root()
    listed_twice["roles"]["list"]["keyids"] = [A.id, A.id, B.id]
    anchor("a keyid twice in a role", signed_root(payload=listed_twice), "refused bad_root")
    two_ids = root()
    two_ids["keys"]["0" * 64] = {"alg": "mldsa65-ed25519", "pk": A.pk}
    two_ids["roles"]["list"]["keyids"] = [A.id, "0" * 64]
    anchor("one key under two ids", signed_root(payload=two_ids), "refused bad_root")
    missing = root()
    del missing["keys"][C.id]
    anchor("a role names a key that is not there", signed_root(payload=missing), "refused bad_root")
    for name, point in [*((f"low-order Ed25519 {n}", p) for n, p in enumerate(ed25519.LOW_ORDER)),
                        *((f"Ed25519 not canonical {n}", p) for n, p in enumerate(ed25519.NOT_CANONICAL))]:
        anchor(name, signed_root(payload=with_public(A.public[:ML_PUBLIC] + point)), "refused bad_root")
    anchor("unsigned", signed_root(signers=()), "refused below_threshold")
    anchor("one of two", signed_root(signers=("root a",)), "refused below_threshold")
    anchor("signed by list keys", signed_root(signers=LIST_SIGNERS), "refused below_threshold")
    anchor("signed in the context of lists", {**envelope("root", root(), signatures=[
        {"keyid": k.id, "sig": b64(k.sign(pae(TYPES["root"][0], text(root())), b"landfall/list/v1"))}
        for k in (key("root a"), key("root b"))])}, "refused below_threshold")
    anchor("a list", signed_list(), "refused malformed")
    anchor("another type", signed_root(type="peerlist"), "refused malformed")
    anchor("spec 2", signed_root(spec=2), "refused malformed")
    anchor("over 128 KiB", b"{" + b" " * 128 * 1024 + text(signed_root())[1:], "refused too_large")


def with_public(public: bytes) -> dict:
    """A root whose first list key is `public`, under the keyid that belongs to it."""
    payload = root()
    payload["keys"][keyid(public)] = {"alg": "mldsa65-ed25519", "pk": b64(public)}
    del payload["keys"][A.id]
    payload["roles"]["list"]["keyids"][0] = keyid(public)
    return payload


def root_chains():
    new = ("root x", "root y", "root z")
    both = ("root a", "root b", "root x", "root y")

    def second(signers=both, **changes):
        return text(signed_root(signers=signers, **{"roots": new, "version": 2, **changes}))

    def rotated(name, next_root, expect, document=None, first=None):
        case("rotation: " + name, document or signed_list(root_version=2), expect, roots=[first or root_1(), next_root])

    rotated("signed by old and new", second(), "accepted A")
    rotated("new keys alone", second(new), "refused bad_root")
    rotated("old keys alone", second(("root a", "root b")), "refused bad_root")
    rotated("one old and two new", second(("root a", "root x", "root y")), "refused bad_root")
    rotated("two old and one new", second(("root a", "root b", "root x")), "refused bad_root")
    rotated("of another network", second(network="other"), "refused wrong_network")
    rotated("with threshold 0", second(list_threshold=0), "refused bad_root")
    rotated("retired list keys", second(lists=("list x", "list y")), "refused below_threshold")
    rotated("new list keys", second(lists=("list x", "list y")), "accepted A", signed_list(("list x", "list y"), root_version=2))
    rotated("a new epoch ends the old lists", second(epoch=2), "refused rolled_back", signed_list(version=MAX_INTEGER))
    rotated("a new epoch begins at version 1", second(epoch=2), "accepted A", signed_list(epoch=2, version=1, root_version=2))
    rotated("an expired middle does not matter", second(), "accepted A", first=text(signed_root(expires=ISSUED - DAY)))
    rotated("back to an epoch that was ended", second(epoch=1), "refused bad_root", first=text(signed_root(epoch=2)))
    rotated("by strangers", text(signed_root(signers=new, roots=new, version=2)), "refused bad_root")
    rotated("a threshold that falls counts from the next root on", second(("root a", "root x"), threshold=1), "refused bad_root")
    three = list(chain(3))
    case("rotation: any order of --root", signed_list(root_version=3), "accepted A", roots=[three[2], three[0], three[1]])
    case("rotation: a missing middle", signed_list(root_version=3), "refused bad_root", roots=[three[0], three[2]])
    whole = list(chain(34))
    case("rotation: 32 steps", signed_list(root_version=33), "accepted A", roots=whole[:33])
    case("rotation: 33 steps in one run", signed_list(root_version=34), "refused root_needed", roots=whole)


for group in (accepted_documents, freshness, extra_signatures, bad_signatures, too_large, malformed_envelopes, malformed_payloads, identity,
              roots, root_chains):
    group()
