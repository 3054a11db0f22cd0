"""Runs the built `landfall` (environment LANDFALL_BIN) on documents that the reference implementation made, and the other
way round. The table is cases.py; here is how it is run, and what needs more than one run."""
import base64
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pty
import random
import subprocess
import tempfile
import unittest
from pathlib import Path

import composite
import ed25519
from cases import CASES
from documents import (DAY, ISSUED, LIST_SIGNERS, MAX_INTEGER, NETWORK, NOW, b64, chain, envelope, key, peer, peer_id, root_1, signed_list,
                       signed_root, text, valid_signers)

LANDFALL = os.environ.get("LANDFALL_BIN", "landfall")
NAMES = {"too_large", "malformed", "below_threshold", "wrong_network", "wrong_channel", "bad_root", "root_needed", "rolled_back",
         "equivocation"}


def landfall(*arguments, stdin=""):
    return subprocess.run([LANDFALL, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60, check=False)


class Folder(unittest.TestCase):
    """A test with a private folder and the words for it."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(text(content))
        return path

    def verify(self, document, roots=None, now=NOW, arguments=(), kind="document"):
        """First line and exit status of `landfall list verify`."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            paths = [Path(folder, f"root{n}") for n in range(len(roots or [root_1()]))]
            for path, content in zip(paths, roots or [root_1()]):
                path.write_bytes(text(content))
            file = Path(folder, kind)
            file.write_bytes(text(document))
            chain = [word for path in paths for word in ("--root", path)]
            done = landfall("list", "verify", *chain, "--now", now, *arguments, file)
        return done.stdout.partition("\n")[0], done.returncode, done

    def said(self, document, **more):
        return self.verify(document, **more)[0]


class Documents(Folder):
    def judge(self, case):
        line, status, done = self.verify(case.document, case.roots, case.now, case.arguments)
        expected = 0 if case.expect.startswith("accepted") else 3
        if (line, status) != (case.expect, expected):
            return f"{case.name}: said '{line}' with status {status}, expected '{case.expect}': {done.stderr.strip()}"
        if expected == 3 and (not done.stderr.startswith("landfall: ") or "\n" not in done.stderr):
            return f"{case.name}: nothing said on stderr"
        return None

    def test_every_case(self):
        self.assertEqual(len({c.name for c in CASES}), len(CASES), "two cases share a name")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            wrong = [message for message in pool.map(self.judge, CASES) if message]
        self.assertEqual([], wrong, f"{len(wrong)} of {len(CASES)} cases")

    def test_every_name_of_a_refusal_has_a_case(self):
        with_state = {"equivocation"}
        self.assertEqual(NAMES - with_state, {c.expect.split()[1] for c in CASES if c.expect.startswith("refused")})

    def test_flipped_bytes_are_never_accepted(self):
        document = text(signed_list())
        seed = int(os.environ.get("LANDFALL_SEED", random.randrange(2**32)))
        chosen = random.Random(seed).sample(range(len(document)), 200)

        def flipped(index):
            broken = bytearray(document)
            broken[index] ^= 1 << (index % 8)
            line, status, _ = self.verify(bytes(broken))
            return None if status == 3 and line.startswith("refused ") and line.split()[1] in NAMES else (index, line, status)

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.assertEqual([], [x for x in pool.map(flipped, chosen) if x], f"LANDFALL_SEED={seed}")

    def test_cut_documents_are_never_accepted(self):
        document = text(signed_list())
        for size in (0, 1, 10, 100, 1000, len(document) // 2, len(document) - 1):
            self.assertEqual("refused malformed", self.said(document[:size]), f"{size} bytes")


class Answers(Folder):
    """The shape of what `list verify` says."""
    KEYS = ["verdict", "error", "type", "network", "channel", "epoch", "version", "tier", "payload_sha256", "signers"]

    def as_json(self, document, **more):
        _, status, done = self.verify(document, arguments=["--json"], **more)
        return json.loads(done.stdout), status, done.stdout

    def test_json_of_an_accepted_list(self):
        document = signed_list(version=12)
        answer, status, raw = self.as_json(document)
        digest = hashlib.sha256(base64.b64decode(document["payload"])).hexdigest()
        self.assertEqual(status, 0)
        self.assertEqual(list(answer), self.KEYS)
        self.assertEqual(raw.count("\n"), 1)
        self.assertEqual(answer, {"verdict": "accepted", "error": None, "type": "peerlist", "network": NETWORK, "channel": "public-0",
                                  "epoch": 1, "version": 12, "tier": "A", "payload_sha256": digest,
                                  "signers": sorted(key(n).id for n in LIST_SIGNERS[:2])})

    def test_json_of_a_refused_list(self):
        answer, status, _ = self.as_json(signed_list(LIST_SIGNERS[:1]))
        self.assertEqual((status, list(answer), answer["verdict"], answer["error"]), (3, self.KEYS, "refused", "below_threshold"))
        self.assertEqual((answer["type"], answer["network"], answer["tier"], answer["signers"]), (None, None, None, []))

    def test_only_signers_with_valid_signatures_are_named(self):
        document = signed_list(LIST_SIGNERS)
        document["signatures"][1]["sig"] = b64(bytes(3373))
        answer, _, _ = self.as_json(document)
        self.assertEqual(answer["signers"], sorted(key(n).id for n in (LIST_SIGNERS[0], LIST_SIGNERS[2])))

    def test_unreadable_files_and_bad_usage_exit_2(self):
        root = self.write("root", root_1())
        good = self.write("list", signed_list())
        for arguments in (["list", "verify", "--root", root, self.folder / "missing"], ["list", "verify", "--root", root, self.folder],
                          ["list", "verify", "--root", self.folder / "missing", good], ["list", "verify", good], ["list", "verify"],
                          ["list", "verify", "--root", root, "--now", "yesterday", good], ["list"], ["list", "unheard"], []):
            done = landfall(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertTrue(done.stderr.startswith("landfall: "), done.stderr)

    def test_what_came_from_outside_cannot_command_the_terminal(self):
        evil = signed_list(servers=[{"keyid": key("server").id, "url": "https://x.example.net/", "region": "\x1b]0;owned\x07"}])
        shown = landfall("list", "show", self.write("list", evil))
        self.assertEqual(shown.returncode, 0)
        self.assertNotIn("\x1b", shown.stdout)
        self.assertTrue(shown.stdout.startswith("UNVERIFIED"))


class Memory(Folder):
    """--state: what was accepted before binds the next run, which is another process."""

    def setUp(self):
        super().setUp()
        self.state = self.folder / "state"

    def next(self, document, **more):
        line, status, done = self.verify(document, arguments=["--state", self.state], **more)
        self.assertEqual(status, 0 if line.startswith("accepted") else 3, done.stderr)
        return line

    def test_versions_only_rise(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        self.assertEqual(self.next(signed_list(version=4)), "refused rolled_back")
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        self.assertEqual(self.next(signed_list(version=6)), "accepted A")
        self.assertEqual(self.next(signed_list(version=5)), "refused rolled_back")

    def test_a_refused_list_leaves_no_trace(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        self.assertEqual(self.next(signed_list(LIST_SIGNERS[:1], version=9)), "refused below_threshold")
        self.assertEqual(self.next(signed_list(version=9, network="other")), "refused wrong_network")
        self.assertEqual(self.next(signed_list(version=6)), "accepted A")

    def test_same_version_other_bytes(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        self.assertEqual(self.next(signed_list(version=5, peers=[peer(3)])), "refused equivocation")
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")

    def test_the_same_bytes_in_another_envelope_are_the_same_list(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        self.assertEqual(self.next(json.dumps(signed_list(LIST_SIGNERS[1:], version=5), indent=1).encode()), "accepted A")

    def test_an_expired_list_does_not_lower_the_floor(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        self.assertEqual(self.next(signed_list(version=5), now=NOW + 100 * DAY), "accepted C")
        self.assertEqual(self.next(signed_list(version=4), now=NOW + 100 * DAY), "refused rolled_back")

    def test_time_does_not_run_back(self):
        later = signed_list(version=6, issued=ISSUED + 20 * DAY, fresh_until=ISSUED + 21 * DAY, expires=ISSUED + 30 * DAY)
        self.assertEqual(self.next(later), "accepted A")  # its issue lies 20 days ahead of --now
        self.assertEqual(self.next(signed_list(version=7)), "accepted B")

    def test_a_damaged_memory_does_not_stop_a_run(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        files = [p for p in self.state.iterdir() if p.suffix == ".json"]
        self.assertTrue(files)
        for path in files:
            path.write_bytes(path.read_bytes()[:20])
        self.assertEqual(self.next(signed_list(version=6)), "accepted A")
        self.assertTrue([p for p in self.state.iterdir() if "damaged" in p.name])

    def test_losing_the_list_file_does_not_lose_the_floor(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        for path in self.state.iterdir():
            if path.suffix == ".json" and "floor" not in path.name:
                path.unlink()
        self.assertEqual(self.next(signed_list(version=4)), "refused rolled_back")

    def test_channels_have_floors_of_their_own(self):
        self.assertEqual(self.next(signed_list(version=5)), "accepted A")
        small = self.verify(signed_list(version=4, channel="small-0"), arguments=["--state", self.state, "--channel", "small-0"])
        self.assertEqual(small[0], "accepted A")

    def test_a_new_epoch_ends_a_fast_forward(self):
        stolen = signed_list(version=MAX_INTEGER)
        self.assertEqual(self.next(stolen), "accepted A")
        self.assertEqual(self.next(signed_list(version=8)), "refused rolled_back")
        second = text(signed_root(signers=("root a", "root b"), version=2, epoch=2, lists=("list x", "list y", "list z")))
        chain = [root_1(), second]
        recovered = signed_list(("list x", "list y"), epoch=2, version=1, root_version=2)
        self.assertEqual(self.next(recovered, roots=chain), "accepted A")
        self.assertEqual(self.next(stolen, roots=chain), "refused below_threshold")
        self.assertEqual(self.next(recovered), "accepted A", "root 2 is remembered")

    def test_33_steps_take_two_runs(self):
        roots, document = list(chain(34)), signed_list(root_version=34)
        self.assertEqual(self.next(document, roots=roots), "refused root_needed")
        self.assertEqual(self.next(document, roots=roots), "accepted A")


class LiveLists(Folder):
    """One bootstrap server's own short list: believed as far as the list names its key."""

    def live(self, signer="server", pk=None, **changes):
        payload = {"type": "livelist", "spec": 1, "network": NETWORK, "server": key(signer).id, "bucket": 0, "seq": NOW * 1000,
                   "issued": NOW, "expires": NOW + 600,
                   "peers": [{"id": peer_id(1), "endpoints": ["tcp://198.51.100.1:443"], "seen": NOW}], **changes}
        return envelope("live", payload, [key(signer)], pk=key(pk or signer).pk)

    def test_live_lists(self):
        published = self.write("published", signed_list())
        for name, document, expect in [
            ("of a named server", self.live(), "accepted A"), ("of a stranger", self.live("stranger"), "refused below_threshold"),
            ("with another pk", self.live(pk="stranger"), "refused below_threshold"),
            ("of another network", self.live(network="other"), "refused wrong_network"),
            ("living too long", self.live(expires=NOW + 601), "refused malformed"),
            ("a list, not a live list", signed_list(), "refused malformed"),
        ]:
            with self.subTest(name):
                self.assertEqual(self.said(document, arguments=["--list", published]), expect)


class Publishing(Folder):
    """What `landfall` makes holds for the reference implementation."""

    def keygen(self, name):
        done = landfall("list", "keygen", "--out", self.folder / name, "--passphrase-file", "-", stdin="correct horse\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        public = json.loads((self.folder / f"{name}.pub").read_text())
        return base64.b64decode(public["pk"], validate=True), public

    def sign(self, kind, file, name, passphrase="correct horse\n"):
        return landfall(kind, "sign", file, "--key", self.folder / f"{name}.pem", "--passphrase-file", "-", stdin=passphrase)

    def must(self, *arguments):
        done = landfall(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def make_root(self, name="root.json"):
        self.keys = {n: self.keygen(n)[0] for n in ("r1", "r2", "l1", "l2")}
        pub = lambda n: self.folder / f"{n}.pub"
        self.must("root", "init", "--network", NETWORK, "--root-key", pub("r1"), "--root-key", pub("r2"), "--root-threshold", 2,
                  "--list-key", pub("l1"), "--list-key", pub("l2"), "--list-threshold", 2, "--issued", ISSUED, "--out", self.folder / name)
        for signer in ("r1", "r2"):
            self.assertEqual(self.sign("root", self.folder / name, signer).returncode, 0)
        return self.folder / name

    def build_list(self, root, version=1):
        description = self.folder / "list.toml"
        description.write_text("".join(f'[[peers]]\nid = "{peer_id(n)}"\nendpoints = ["tcp://198.51.100.{n + 1}:443"]\nasn = {64496 + n}\n'
                                       for n in range(8)))
        out = self.folder / f"list{version}.json"
        self.must("list", "build", "--from", description, "--root", root, "--version", version, "--issued", ISSUED, "--out", out)
        return out

    def test_a_key_is_what_the_specification_says(self):
        raw, public = self.keygen("k")
        self.assertEqual((len(raw), public["keyid"], public["alg"]), (1984, composite.keyid(raw), "mldsa65-ed25519"))
        secret = self.folder / "k.pem"
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
        self.assertEqual(secret.read_text().count("BEGIN ENCRYPTED PRIVATE KEY"), 2)

    def test_a_key_is_never_overwritten_unasked(self):
        self.keygen("k")
        before = (self.folder / "k.pem").read_bytes()
        done = landfall("list", "keygen", "--out", self.folder / "k", "--passphrase-file", "-", stdin="x\n")
        self.assertEqual((done.returncode, (self.folder / "k.pem").read_bytes()), (2, before))

    def test_the_terminal_is_asked_twice_and_shows_nothing(self):
        child, terminal = pty.fork()
        if child == 0:
            os.execv(LANDFALL, [LANDFALL, "list", "keygen", "--out", str(self.folder / "t")])
        seen = b""
        for prompt in (b"Passphrase: ", b"Again: "):
            while not seen.endswith(prompt):
                seen += os.read(terminal, 1024)
            os.write(terminal, b"correct horse\n")
        with contextlib.suppress(OSError):  # the terminal goes with its process
            while more := os.read(terminal, 1024):
                seen += more
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, seen)
        self.assertNotIn(b"horse", seen)
        document = self.build_list(self.make_root())
        self.assertEqual(self.sign("list", document, "t").returncode, 0, "the passphrase typed opens the key")

    def test_a_published_network_from_its_first_key_on(self):
        root = self.make_root()
        document = self.build_list(root)
        self.assertEqual(self.said(document.read_bytes(), roots=[root.read_bytes()]), "refused below_threshold")
        for signer in ("l1", "l2"):
            self.assertEqual(self.sign("list", document, signer).returncode, 0)
        publics = list(self.keys.values())
        self.assertEqual(valid_signers("root", root.read_bytes(), publics), sorted(composite.keyid(self.keys[n]) for n in ("r1", "r2")))
        self.assertEqual(valid_signers("list", document.read_bytes(), publics), sorted(composite.keyid(self.keys[n]) for n in ("l1", "l2")))
        self.assertEqual(self.said(document.read_bytes(), roots=[root.read_bytes()]), "accepted A")
        self.assertIn("verified, tier A", self.must("list", "show", "--root", root, "--now", NOW, document))

    def test_signing_twice_with_one_key_leaves_one_signature(self):
        document = self.build_list(self.make_root())
        for _ in range(2):
            self.sign("list", document, "l1")
        self.assertEqual(len(json.loads(document.read_bytes())["signatures"]), 1)

    def test_a_rotation_needs_both_sets_of_keys(self):
        first = self.make_root()
        third, _ = self.keygen("r3")
        second = self.folder / "root2.json"
        said = self.must("root", "rotate", first, "--root-key", self.folder / "r2.pub", "--root-key", self.folder / "r3.pub", "--epoch", 2,
                         "--out", second)
        self.assertIn(composite.keyid(third), said)
        for signer, verdict in (("r2", "refused bad_root"), ("r3", "refused bad_root"), ("r1", "accepted")):
            self.assertEqual(self.sign("root", second, signer).returncode, 0)
            self.assertEqual(landfall("root", "verify", second, first, "--now", NOW).stdout.partition("\n")[0], verdict, signer)
        payload = json.loads(base64.b64decode(json.loads(second.read_bytes())["payload"]))
        self.assertEqual((payload["version"], payload["roles"]["list"]["epoch"]), (2, 2))
        self.assertNotIn(composite.keyid(self.keys["r1"]), payload["keys"], "a retired key is not carried on")

    def test_mistakes_of_a_publisher_are_told_and_nothing_is_written(self):
        root = self.make_root()
        document = self.build_list(root)
        before = document.read_bytes()
        self.assertEqual(self.sign("list", document, "l1", passphrase="wrong\n").returncode, 2)
        self.assertEqual(self.sign("list", document, "l1", passphrase="").returncode, 2)
        self.assertEqual(self.sign("root", document, "r1").returncode, 2)
        self.assertEqual(document.read_bytes(), before)
        out = self.folder / "never"
        for name, content, clause in [
            ("unknown.toml", '[[peer]]\nid = "x"', "'peer' is not known"), ("broken.toml", "peers = [\n\n]]", "line 3"),
            ("typo.toml", f'[[peers]]\nid = "{peer_id(0)}"\nendpoint = ["tcp://198.51.100.1:443"]', "peers[0]"),
            ("private.toml", f'[[peers]]\nid = "{peer_id(0)}"\nendpoints = ["tcp://10.0.0.1:443"]', "private"),
            ("route.toml", 'peers = []\n[[routes]]\nkind = "dht"', "routes[0]"),
            ("fraction.toml", "peers = 1.5", "line 1"),
        ]:
            (self.folder / name).write_text(content)
            done = landfall("list", "build", "--from", self.folder / name, "--root", root, "--version", 1, "--out", out)
            self.assertEqual((done.returncode, out.exists()), (2, False), name)
            self.assertIn(clause, done.stderr)
        done = landfall("root", "init", "--network", NETWORK, "--root-key", self.folder / "r1.pub", "--root-threshold", 2, "--list-key",
                        self.folder / "l1.pub", "--list-threshold", 1, "--out", out)
        self.assertEqual((done.returncode, out.exists()), (2, False), "2 of 1")

    def test_eight_signatures_and_no_more(self):
        document = self.write("list", signed_list([f"stranger {n}" for n in range(8)]))
        self.keygen("k")
        done = self.sign("list", document, "k")
        self.assertEqual(done.returncode, 2)
        self.assertIn("too_large", done.stderr)


class Reference(unittest.TestCase):
    """The reference implementation itself, against vectors that neither of us wrote."""

    def test_ed25519_of_rfc_8032(self):
        secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
        public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        signature = bytes.fromhex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                                  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        self.assertEqual((ed25519.public_key(secret), ed25519.sign(secret, b"\x72")), (public, signature))
        self.assertTrue(ed25519.verify(public, b"\x72", signature))
        self.assertFalse(ed25519.verify(public, b"\x73", signature))

    def test_a_composite_signature_needs_both_halves(self):
        k = key("reference")
        signature = k.sign(b"message", b"ctx")
        self.assertTrue(composite.verify(k.public, b"message", b"ctx", signature))
        for index in (0, 3308, 3309, 3372):
            broken = bytearray(signature)
            broken[index] ^= 1
            self.assertFalse(composite.verify(k.public, b"message", b"ctx", bytes(broken)), index)
        self.assertFalse(composite.verify(k.public, b"message", b"cty", signature))


if __name__ == "__main__":
    unittest.main(verbosity=2)
