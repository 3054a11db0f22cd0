"""discovery.py against the real sidecar, which fetches from a real landfall-server: what the VPN will live with."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import textwrap
import time
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]

import discovery
from real_network import LANDFALL, PATIENCE, Network


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


class WithNetwork(unittest.TestCase):
    network: Network

    @classmethod
    def setUpClass(cls) -> None:
        cls.network = Network()
        cls.addClassCleanup(cls.network.close)
        cls.network.publish(1)

    def serve(self) -> None:
        self.network.serve()
        self.addCleanup(self.network.stop_serving)


class Bootstrap(WithNetwork):
    def ask(self, path: str, count: int = 8, timeout: float = PATIENCE) -> discovery.Peers:
        peers = discovery.bootstrap_peers(count, timeout, socket_path=path)
        assert isinstance(peers, discovery.Peers)
        return peers

    def test_hands_over_fresh_signed_peers_of_different_networks(self) -> None:
        self.serve()
        with self.network.sidecar("fresh") as sidecar:
            peers = self.ask(sidecar.socket)
            self.assertGreaterEqual(len(peers), 8)
            self.assertEqual((peers.tier, peers.provisional, peers.short, peers.degraded), ("A", False, False, ()))
            self.assertEqual({(peer.source, peer.list_version) for peer in peers}, {("list", 1)})
            groups = {peer.endpoints[0].rsplit(".", 2)[0] for peer in peers}
            self.assertEqual(len(groups), len(peers))
            begun = time.monotonic()
            self.ask(sidecar.socket)
            self.assertLess(time.monotonic() - begun, 0.5)  # from what it holds: no race

    def test_uses_a_cached_list_when_every_route_is_down(self) -> None:
        self.network.publish(2, age=2 * 86400)
        self.serve()
        with self.network.sidecar("cached") as sidecar:
            self.assertEqual(self.ask(sidecar.socket).tier, "A-")  # older than a day: valid, no longer fresh
        self.network.stop_serving()
        with self.network.sidecar("cached") as sidecar:
            peers = self.ask(sidecar.socket)
        self.assertEqual((peers.tier, peers[0].list_version), ("A-", 2))

    def test_explains_each_route_when_there_is_nothing(self) -> None:
        with self.network.sidecar("nothing") as sidecar, self.assertRaises(discovery.BootstrapError) as caught:
            self.ask(sidecar.socket, timeout=6.0)
        self.assertEqual(caught.exception.name, "no_peers")
        self.assertEqual({lane.route: lane.outcome for lane in caught.exception.lanes},
                         {"first": "refused", "second": "refused"})
        self.assertRegex(str(caught.exception), r"(?s)first: refused at connect.*second: refused at connect.*hint: ")

    def test_reports_reach_the_sidecar(self) -> None:
        self.serve()
        with self.network.sidecar("reports") as sidecar:
            peer = self.ask(sidecar.socket)[0]
            discovery.report(peer, True, rtt_ms=41.2, socket_path=sidecar.socket)
            discovery.report(peer, False, endpoint=peer.endpoints[0], socket_path=sidecar.socket)
            stranger = discovery.Peer("A" * 43, ("tcp://10.1.2.3:443",))
            with self.assertRaises(discovery.SidecarError) as caught:
                discovery.report(stranger, True, socket_path=sidecar.socket)
        self.assertEqual(caught.exception.name, "not_found")


class Async(WithNetwork):
    def test_tells_what_happens_while_peers_are_found(self) -> None:
        async def test(path: str) -> None:
            async with discovery.Discovery(socket_path=path) as landfall:
                seen: dict[str, discovery.Event] = {}

                async def watch() -> None:
                    async for event in landfall.events():
                        seen[event.name] = event
                        if event.name == "race_ended":
                            return

                await landfall.peers(8, PATIENCE)
                watching = asyncio.ensure_future(watch())
                while not watching.done():  # the stream may begin after a race that refresh() began
                    race = await landfall.refresh()
                    self.assertGreater(race, 0)
                    await asyncio.wait([watching], timeout=0.5)
                await watching
                self.assertIn("lane_started", seen)
                status = await landfall.status()
                self.assertEqual((status["network"], status["ready"], status["list"]["tier"]), ("test-net", True, "A"))
                self.assertEqual([route["name"] for route in status["routes"]], ["first", "second"])

        self.serve()
        with self.network.sidecar("events") as sidecar:
            asyncio.run(asyncio.wait_for(test(sidecar.socket), 2 * PATIENCE), debug=True)


class Spawn(WithNetwork):
    def test_starts_a_sidecar_and_ends_it(self) -> None:
        sidecar = self.network.sidecar("spawned")

        async def test() -> int:
            async with discovery.Discovery(socket_path=sidecar.socket, spawn=sidecar.command) as landfall:
                self.assertGreaterEqual(len(await landfall.peers(8, PATIENCE)), 8)
                assert landfall._child
                return landfall._child.pid

        self.serve()
        self.assertTrue(gone(asyncio.run(asyncio.wait_for(test(), 2 * PATIENCE))))
        self.assertFalse(os.path.exists(sidecar.socket))

    def test_a_killed_vpn_leaves_no_sidecar(self) -> None:
        sidecar = self.network.sidecar("orphaned")
        program = textwrap.dedent(f"""\
            import asyncio, discovery
            async def main():
                async with discovery.Discovery(socket_path={sidecar.socket!r}, spawn={sidecar.command!r}) as landfall:
                    print(landfall._child.pid, flush=True)
                    await asyncio.Event().wait()
            asyncio.run(main())""")
        path = {**os.environ, "PYTHONPATH": str(Path(discovery.__file__).parent)}
        with subprocess.Popen([sys.executable, "-c", program], env=path, text=True, stdout=subprocess.PIPE) as vpn:
            assert vpn.stdout
            pid = int(vpn.stdout.readline())
            end_of_sidecar = os.pidfd_open(pid)
            self.addCleanup(os.close, end_of_sidecar)
            vpn.kill()
        self.assertTrue(select.select([end_of_sidecar], [], [], PATIENCE)[0])

    def test_says_why_the_sidecar_did_not_start(self) -> None:
        async def test() -> None:
            async with discovery.Discovery(socket_path="/nonexistent/api.sock",
                                           spawn=[LANDFALL, "run", "-c", "/nonexistent/landfall.toml"]):
                self.fail("it cannot be ready")

        with self.assertRaisesRegex(discovery.SidecarError, "ended with status 2"):
            asyncio.run(asyncio.wait_for(test(), PATIENCE))


if __name__ == "__main__":
    unittest.main()
