"""`landfall check`, `landfall config` and `landfall bridge`, as transcripts: what is typed, what is said, how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

LANDFALL = os.environ.get("LANDFALL_BIN", "")
CERTIFICATE = "A" * 70  # 52 bytes of base64 without padding
BRIDGE = f"obfs4 192.0.2.10:4443 cert={CERTIFICATE} iat-mode=0"


class Commands(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.state = self.folder / "state"
        self.configuration = self.folder / "landfall.toml"

    def landfall(self, *arguments: str, given: str = "", environment: dict[str, str] = {},
                 through: list[str] = []) -> tuple[int, str, str]:
        """Status, stdout, stderr; nothing of this machine's own configuration is seen."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LANDFALL_", "XDG_"))}
        ended = subprocess.run(
            [*through, LANDFALL, *arguments], input=given, capture_output=True, text=True, timeout=60,
            env={**kept, "HOME": str(self.folder), "LANDFALL_STATE": str(self.state), **environment})
        return ended.returncode, ended.stdout, ended.stderr


class Check(Commands):
    def setUp(self) -> None:
        super().setUp()
        passphrase = self.folder / "passphrase"
        passphrase.write_text("test\n")
        key, root = str(self.folder / "key"), str(self.folder / "root.dsse.json")
        secret = ["--passphrase-file", str(passphrase)]
        for command in (["list", "keygen", "--out", key, *secret],
                        ["root", "init", "--network", "test-net", "--root-key", f"{key}.pub", "--root-threshold", "1",
                         "--list-key", f"{key}.pub", "--list-threshold", "1", "--out", root],
                        ["root", "sign", root, "--key", f"{key}.pem", *secret]):
            status, _, err = self.landfall(*command)
            self.assertEqual(status, 0, err)

    def write(self, routes: str, network: str = 'id = "test-net"\nroot = "root.dsse.json"') -> None:
        self.configuration.write_text(f"[network]\n{network}\n{routes}")

    def check(self, *arguments: str) -> tuple[int, str, str]:
        return self.landfall("check", "-c", str(self.configuration), *arguments)

    ROUTES = """
[[route]]
kind = "dht"
[[route]]
kind = "https"
name = "second"
url = "https://b.example.net/secret-path/"
tier = 2
[[route]]
kind = "https"
name = "first"
url = "https://a.example.net/secret-path/"
"""

    def test_prints_what_would_be_tried_in_which_order(self) -> None:
        self.write(self.ROUTES)
        status, out, err = self.check()
        self.assertEqual(status, 0, err)
        self.assertLess(out.index("first"), out.index("second"))
        self.assertLess(out.index("second"), out.index("dht-1"))
        self.assertIn("OFF: this version has no routes of kind 'dht'", out)
        self.assertIn("test-net", out)

    def test_shows_addresses_only_when_told_to(self) -> None:
        self.write(self.ROUTES)
        cases: list[tuple[list[str], int]] = [([], 0), (["--json"], 0), (["--unsafe-logging"], 2)]
        for arguments, expected in cases:
            with self.subTest(arguments):
                _, out, err = self.check(*arguments)
                self.assertEqual((out + err).count("secret-path"), expected)

    def test_json_is_one_object(self) -> None:
        self.write(self.ROUTES, 'id = "test-net"\nroot = "root.dsse.json"\nlab = true')
        status, out, err = self.check("--json")
        said = json.loads(out)
        self.assertEqual((status, said["good"]), (0, True), err)
        self.assertEqual((said["network"], said["root"]["version"]), ("test-net", 1))
        self.assertEqual([(route["name"], route["why"], route["waits"]) for route in said["routes"]],
                         [("first", "configured", None), ("second", "configured", None), ("dht-1", None, None)])
        self.assertFalse((self.folder / "state").exists(), "nothing is written")
        self.assertEqual(len([warning for warning in said["warnings"] if "network.lab" in warning]), 1)
        self.assertEqual(said["errors"], [])

    def test_says_everything_that_is_wrong_with_file_line_and_key(self) -> None:
        self.write('[fallback]\nmax_lanes = 0\n[[route]]\nkind = "https"\nurl = "/relative/"\ncolour = "red"\n')
        status, out, err = self.check()
        self.assertEqual((status, out), (2, ""))
        for line, key in ((5, "max_lanes"), (8, "url"), (9, "colour")):
            self.assertRegex(err, rf"landfall\.toml:{line}: .*{key}")
        status, out, _ = self.check("--json")
        self.assertEqual((status, json.loads(out)["good"]), (2, False))

    def test_ends_with_3_without_a_root_to_trust(self) -> None:
        cases = [("missing", 'id = "test-net"\nroot = "none.json"', "none.json"),
                 ("of another network", 'id = "other-net"\nroot = "root.dsse.json"', "wrong_network"),
                 ("damaged", 'id = "test-net"\nroot = "landfall.toml"', "malformed")]
        for name, network, expected in cases:
            with self.subTest(name):
                self.write(self.ROUTES, network)
                status, _, err = self.check()
                self.assertEqual(status, 3)
                self.assertIn(expected, err)

    def test_refuses_the_network_whose_keys_are_public(self) -> None:
        self.write(self.ROUTES, 'id = "demo"\nroot = "root.dsse.json"')
        status, _, err = self.check()
        self.assertEqual(status, 2)
        self.assertIn("landfall demo", err)

    def test_and_run_refuse_a_mark_that_they_may_not_set(self) -> None:
        # Root gives the capabilities up, others never had them; exec(2) would give root all of its bounding set. Both,
        # since from Linux 5.17 on CAP_NET_RAW is enough.
        capabilities = "-net_admin,-net_raw"
        without = ["setpriv", "--bounding-set", capabilities, "--inh-caps", capabilities, "--"] if os.geteuid() == 0 else []
        self.write("[sidecar]\nfwmark = 7\n" + self.ROUTES)
        environment = {"LANDFALL_API": str(self.folder / "run" / "api.sock")}
        for command in ("check", "run"):
            with self.subTest(command):
                status, _, err = self.landfall(command, "-c", str(self.configuration), environment=environment, through=without)
                self.assertEqual(status, 2, err)
                self.assertIn("fwmark needs CAP_NET_ADMIN", err)
        self.assertFalse((self.folder / "run" / "api.sock").exists())

    def test_without_a_configuration_says_how_to_name_one(self) -> None:
        status, _, err = self.landfall("check", environment={"LANDFALL_CONFIG": str(self.folder / "none.toml")})
        self.assertEqual(status, 2)
        self.assertIn("none.toml", err)


class Import(Commands):
    OLD = {"bootstrap": {"servers": [{"url": "https://a.example.com", "priority": 1}], "announce": {"enabled": True}}}

    def convert(self, old: object) -> tuple[int, str, str]:
        (self.folder / "old.json").write_text(json.dumps(old))
        return self.landfall("config", "import", str(self.folder / "old.json"))

    def test_gives_a_configuration_that_lacks_id_and_root_alone(self) -> None:
        status, out, err = self.convert(self.OLD)
        self.assertEqual((status, err), (0, ""))
        self.assertIn('url = "https://a.example.com/"', out)
        self.assertIn("# bootstrap.announce.enabled: true: ", out)
        self.configuration.write_text(out)
        status, out, err = self.landfall("check", "-c", str(self.configuration))
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(len(err.splitlines()), 2, err)
        for key in ("network.id", "network.root"):
            self.assertIn(f"{key}: missing", err)

    def test_refuses_with_file_and_member(self) -> None:
        status, out, err = self.convert({"bootstrap": {"servers": [{"url": "a.example.com"}]}})
        self.assertEqual((status, out), (2, ""))
        self.assertIn("old.json: bootstrap.servers[1].url: ", err)
        status, out, err = self.landfall("config", "import", str(self.folder / "none.json"))
        self.assertEqual((status, out), (2, ""))
        self.assertIn("none.json", err)


class Bridges(Commands):
    def test_are_added_listed_and_removed(self) -> None:
        self.assertEqual(self.landfall("bridge", "list"), (0, "", ""))
        status, out, _ = self.landfall("bridge", "add", *BRIDGE.split())
        self.assertEqual((status, out), (0, "1 added, 0 there already, 1 in all\n"))
        pasted = f"# two of them\n{BRIDGE}\nbridge://obfs4@192.0.2.11:443?cert={CERTIFICATE}&iat-mode=0\n"
        status, out, _ = self.landfall("bridge", "add", given=pasted)
        self.assertEqual((status, out), (0, "1 added, 1 there already, 2 in all\n"))
        self.assertEqual(self.landfall("bridge", "remove", "1")[0], 0)
        status, out, _ = self.landfall("bridge", "list", "--unsafe-logging")
        self.assertIn("192.0.2.11", out)
        self.assertNotIn("192.0.2.10", out)

    def test_are_shown_only_when_told_to_and_kept_private(self) -> None:
        self.landfall("bridge", "add", given=BRIDGE)
        for command in (["bridge", "list"], ["bridge", "list", "--json"]):
            _, out, err = self.landfall(*command)
            self.assertIn("obfs4", out)
            self.assertNotIn("192.0.2.10", out + err)
            self.assertNotIn(CERTIFICATE, out + err)
        self.assertEqual((self.state / "bridges").stat().st_mode & 0o777, 0o600)

    def test_that_cannot_be_read_are_refused_without_being_repeated(self) -> None:
        cases = [("no certificate", "obfs4 192.0.2.10:4443 iat-mode=0"), ("no address", f"obfs4 cert={CERTIFICATE}"),
                 ("too long", "obfs4 192.0.2.10:4443 cert=" + "A" * 70_000), ("nothing", "\n# only a comment\n")]
        for name, line in cases:
            with self.subTest(name):
                status, out, err = self.landfall("bridge", "add", given=line)
                self.assertEqual((status, out), (2, ""))
                self.assertNotIn("192.0.2.10", err)
        self.assertFalse((self.state / "bridges").exists())

    def test_of_which_one_is_bad_are_all_refused(self) -> None:
        status, _, err = self.landfall("bridge", "add", given=f"{BRIDGE}\nobfs4 nonsense\n")
        self.assertEqual(status, 2)
        self.assertIn("line 2", err)
        self.assertEqual(self.landfall("bridge", "list")[1], "")

    def test_that_are_not_there_cannot_be_removed(self) -> None:
        for number in ("1", "0", "-1", "x"):
            with self.subTest(number):
                self.assertEqual(self.landfall("bridge", "remove", number)[0], 2)

    def test_state_of_the_configuration_is_used(self) -> None:
        elsewhere = self.folder / "elsewhere"
        self.configuration.write_text(
            f'[network]\nid = "test-net"\nroot = "root.dsse.json"\n[sidecar]\nstate = "{elsewhere}"\n')
        status, _, err = self.landfall("bridge", "add", "-c", str(self.configuration), given=BRIDGE,
                                       environment={"LANDFALL_STATE": ""})
        self.assertEqual(status, 0, err)
        self.assertTrue((elsewhere / "bridges").exists())


if __name__ == "__main__":
    unittest.main()
