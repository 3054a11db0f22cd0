"""A hostile server on the fastest route: it forges, replays, holds back, floods or starves. Whatever it does, another route
brings the list, it is said what happened, and nothing of the hostile server's is kept. `landfall run`, on loopback."""
import json
import os
import shutil
import socket
import ssl
import threading
import unittest

import lab
from lab import DAY

HOUR = 3600
HELD, NEWEST = 5, 6  # versions: of the list in hand, and of the one that the honest route has


class Endless:
    """A TLS server whose every answer has no end: `piece` after `piece`, `pause` seconds apart."""

    def __init__(self, nginx, piece, pause):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(os.path.join(nginx.folder, "tls.pem"), os.path.join(nginx.folder, "tls.key"))
        self._piece, self._pause = piece, pause
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open, self._over = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def resume(self):
        self._open.set()

    def _accept(self):
        while True:
            client, _ = self._listening.accept()
            if self._over.is_set():
                client.close()
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client):
        client.settimeout(lab.PATIENCE)
        self._open.wait()
        try:
            with self._context.wrap_socket(client, server_side=True) as tls:
                tls.recv(4096)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
                while not self._over.wait(self._pause):
                    tls.sendall(self._piece)
        except OSError:
            pass  # the client has had enough

    def close(self):
        self._over.set()
        self._open.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join()
        self._listening.close()


def one_byte_changed(document):
    parsed = json.loads(document)
    payload = parsed["payload"]
    parsed["payload"] = payload[:200] + ("B" if payload[200] != "B" else "C") + payload[201:]
    return json.dumps(parsed).encode()


class Hostile(lab.WithLab):
    def setUp(self):
        super().setUp()
        os.mkdir(os.path.join(self.lab.folder, "other"))
        self.honest = lab.Nginx(os.path.join(self.lab.folder, "other"))
        self.addCleanup(self.honest.kill)
        self.honest.put("honest", self.publisher.list(NEWEST, age=2 * HOUR))
        self.old = self.publisher.list(HELD, age=2 * DAY, fresh="1d")
        self.serve(held=self.old, hostile=self.old)
        self.honest.start()
        with self.lab.sidecar("held", self.lab.route("held")) as sidecar:
            sidecar.peers()
        self.held = sidecar.state

    def holding(self, name, *routes):
        """A sidecar with the older list in hand, its floor on disk, as after two days of being off."""
        sidecar = self.lab.sidecar(name, *routes)
        shutil.copytree(self.held, sidecar.state)
        return sidecar

    def floor(self, sidecar):
        """What is kept of lists, byte for byte."""
        kept = {}
        for name in sorted(os.listdir(sidecar.state)):
            if name.startswith("trust-"):
                with open(os.path.join(sidecar.state, name), "rb") as file:
                    kept[name] = file.read()
        self.assertTrue(kept)
        return kept

    def hostile(self, serves):
        """The server, and the route to it. It answers nothing until it is resumed."""
        if isinstance(serves, bytes):
            self.nginx.put("hostile", serves)
            self.nginx.pause()
            return self.nginx, self.lab.route("hostile", group="one")
        server = Endless(self.nginx, *serves)
        self.addCleanup(server.close)
        return server, {"kind": "https", "name": "hostile", "url": f"https://127.0.0.1:{server.port}/{lab.SECRET}/",
                        "ca": self.nginx.ca, "group": "one"}

    @staticmethod
    def until(events, wanted, seen):
        for name, data in events:
            seen.append(name)
            if name == wanted[0] and all(data.get(key) == value for key, value in wanted[1].items()):
                return data
        raise AssertionError(f"the events ended before {wanted}")

    def alone(self, name, serves, outcome, event):
        """It is the only route: its list is not taken, the one in hand stays, and so does the floor."""
        server, route = self.hostile(serves)
        with self.holding(f"{name}-alone", route) as sidecar:
            before, seen, events = self.floor(sidecar), [], sidecar.events()
            server.resume()
            ended = self.until(events, ("lane_ended", {"route": "hostile"}), seen)
            self.until(events, ("race_ended", {"won": None}), seen)
            self.assertEqual(ended["outcome"], outcome, ended)
            self.assertEqual(event in seen, event is not None, seen)
            self.assertNotIn("list_adopted", seen)
            status = sidecar.status()
            self.assertEqual((status["list"]["version"], status["list"]["tier"]), (HELD, "A-"))
            events.close()
        self.assertEqual(self.floor(sidecar), before)

    def beside(self, name, serves, event):
        """The honest route answers when the hostile one has ended, or, where that takes long, while it runs."""
        server, route = self.hostile(serves)
        self.honest.pause()
        honest = {"kind": "https", "name": "honest", "url": self.honest.url("honest"), "ca": self.honest.ca, "group": "two"}
        with self.holding(f"{name}-beside", route, honest) as sidecar:
            seen, events = [], sidecar.events()
            server.resume()
            if name != "a byte a second":
                self.until(events, ("lane_ended", {"route": "hostile"}), seen)
            self.honest.resume()
            self.until(events, ("list_adopted", {"version": NEWEST}), seen)
            self.until(events, ("race_ended", {"won": "honest"}), seen)
            if event and event not in seen:
                self.until(events, (event, {"route": "hostile"}), seen)
            status = sidecar.status()
            self.assertEqual((status["list"]["version"], status["list"]["tier"]), (NEWEST, "A"))
            self.assertEqual({peer["tier"] for peer in sidecar.peers()["peers"]}, {"A"})
            events.close()

    def test_another_route_wins_it_is_told_and_nothing_is_adopted(self):
        stranger = lab.Publisher(self.lab.folder, "stranger")
        # name, what is served, how its lane ends alone, the event that tells of it alone and beside another
        table = [
            ("forged", stranger.list(9), "below_threshold", None, None),
            ("one byte changed", one_byte_changed(self.publisher.list(9)), "below_threshold", None, None),
            ("rolled back", self.publisher.list(HELD - 1, age=4 * DAY), "rolled_back", "rollback", "rollback"),
            ("frozen", self.old, "verified_same", None, "frozen"),
            ("endless", (b"A" * 65536, 0), "too_large", None, None),
            ("a byte a second", (b"A", 1), "stalled_after_bytes", None, None),
        ]
        for name, serves, outcome, alone, beside in table:
            with self.subTest(name):
                self.alone(name, serves, outcome, alone)
                self.beside(name, serves, beside)


if __name__ == "__main__":
    unittest.main()
