"""What leaves the machine for a look-up, seen on the wire: in a network namespace of its own every packet is captured,
and none to port 53 may exist while `landfall` looks up the hosts of direct routes."""
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
import unittest

HIDDEN = "hidden.example.net"
INSIDE = "LANDFALL_TEST_INSIDE"


class Capture:
    """Everything on the loopback of this namespace, to which its default route leads too: (protocol, address, port, bytes)."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.bind(("lo", 0))

    def packets(self):
        """What came since the last time."""
        found = []
        while select.select([self._socket], [], [], 0.2)[0]:
            frame = self._socket.recv(65536)[14:]
            if frame[0] >> 4 == 4:
                protocol, to, rest = frame[9], socket.inet_ntoa(frame[16:20]), frame[(frame[0] & 15) * 4:]
            else:
                protocol, to, rest = frame[6], socket.inet_ntop(socket.AF_INET6, frame[24:40]), frame[40:]
            if protocol in (socket.IPPROTO_TCP, socket.IPPROTO_UDP):
                found.append((protocol, to, struct.unpack("!H", rest[2:4])[0], rest))
        return found

    def close(self):
        self._socket.close()


class Tempter(threading.Thread):
    """A name server on port 53 that answers every question, over UDP and TCP, at once, and with a lie."""

    def __init__(self):
        super().__init__(daemon=True)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 53))
        self.tcp = socket.create_server(("127.0.0.1", 53))
        self.over, self.stop = os.pipe()

    def run(self):
        while True:
            ready = select.select([self.udp, self.tcp, self.over], [], [])[0]
            if self.over in ready:
                return
            if self.tcp in ready:
                self.tcp.accept()[0].close()
            if self.udp in ready:
                query, sender = self.udp.recvfrom(1500)
                end = query.index(0, 12) + 5
                record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1"
                self.udp.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:end] + record, sender)

    def close(self):
        os.close(self.stop)
        self.join()
        self.udp.close()
        self.tcp.close()
        os.close(self.over)


class Resolver:
    """Debian's unbound over HTTPS, with the certificate of the lab's nginx, which is for 127.0.0.1."""

    def __init__(self, folder, nginx):
        import lab
        self.port = lab.free_port()
        path = os.path.join(folder, "unbound.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""server:
  interface: 127.0.0.1@{self.port}
  https-port: {self.port}
  tls-service-pem: "{nginx.folder}/tls.pem"
  tls-service-key: "{nginx.folder}/tls.key"
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  do-ip6: no
  module-config: "iterator"
  local-zone: "." static
  local-data: "{HIDDEN}. 60 IN A 127.0.0.1"
remote-control:
  control-enable: no
""")
        self.process = subprocess.Popen([shutil.which("unbound") or "/usr/sbin/unbound", "-d", "-c", path],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "start of service" in line:
                return
        raise AssertionError("unbound does not start")

    def settings(self, ca):
        return f'[dns]\ndoh = ["https://127.0.0.1/dns-query@127.0.0.1:{self.port}"]\nca = "{ca}"\nresolvers = ["127.0.0.1"]\n'

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stderr.close()


@unittest.skipUnless(INSIDE in os.environ, "runs in a network namespace only")
class OnTheWire(unittest.TestCase):
    def setUp(self):
        import lab
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.lab.nginx.put("good", self.lab.publisher.list(1))
        self.lab.nginx.start()
        self.tempter = Tempter()
        self.addCleanup(self.tempter.close)
        self.tempter.start()
        self.wire = Capture()
        self.addCleanup(self.wire.close)

    def route(self):
        route = self.lab.route("good")
        route["url"] = route["url"].replace("127.0.0.1", HIDDEN)
        return route

    def assert_no_plain_query(self, packets):
        asked = [(to, port) for _, to, port, _ in packets if port == 53]
        self.assertEqual(asked, [], "nothing is asked in plaintext")

    def test_the_capture_sees_a_plain_query(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0\6hidden\7example\3net\0\0\1\0\1", ("127.0.0.1", 53))
            self.assertIn(b"hidden", udp.recv(1500))
        socket.create_connection(("127.0.0.1", 53)).close()
        with self.assertRaises(AssertionError):
            self.assert_no_plain_query(self.wire.packets())

    def test_peers_by_a_name_that_only_https_was_asked_for(self):
        resolver = Resolver(self.lab.folder, self.lab.nginx)
        self.addCleanup(resolver.close)
        sidecar = self.lab.sidecar("a", self.route(), settings=resolver.settings(self.lab.nginx.ca))
        sidecar.command("peers", "--timeout", "20")
        packets = self.wire.packets()
        self.assert_no_plain_query(packets)
        self.assertTrue([1 for _, _, port, _ in packets if port == resolver.port], "the resolver was asked")
        self.assertTrue([1 for _, _, port, _ in packets if port == self.lab.nginx.port], "and believed")

    def test_nothing_is_asked_in_plaintext_when_nobody_answers_over_https(self):
        sidecar = self.lab.sidecar("a", self.route(), settings='[dns]\nresolvers = ["127.0.0.1"]\n')
        with open(sidecar.configuration, encoding="ascii") as file:
            text = file.read()
        with open(sidecar.configuration, "w", encoding="ascii") as file:
            file.write(text.replace("lab = true\n", ""))  # a lab has no default resolvers
        sidecar.command("peers", "--timeout", "6", expect=1)
        packets = self.wire.packets()
        self.assert_no_plain_query(packets)
        self.assertTrue([1 for _, to, port, _ in packets if (to, port) == ("9.9.9.9", 443)], "the default resolvers were tried")
        self.assertFalse([1 for _, _, port, _ in packets if port == self.lab.nginx.port], "and the liar was not believed")


def main():
    if INSIDE in os.environ:
        for command in (["link", "set", "lo", "up"], ["route", "add", "default", "dev", "lo"]):
            subprocess.run(["ip", *command], check=True)
        unittest.main()
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    if subprocess.run([*unshare, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("skipped: no network namespace can be made here")
        sys.exit(77)
    sys.exit(subprocess.run([*unshare, sys.executable, "-B", "-W", "error", __file__, *sys.argv[1:]],
                            env={**os.environ, INSIDE: "1"}, check=False).returncode)


if __name__ == "__main__":
    main()
