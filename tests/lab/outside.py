"""The small internet behind a router: nothing of it is on the client's own link, so where its packets go is for the client's routes to
say. With a tun device as a VPN makes one, and real proxies beside the servers."""

import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
import threading

import world
from internet import command

lab = world.lab
GATEWAY = "10.9.0.254"  # the servers' namespace itself
PROXY = "10.8.0.40"
TUN_MTU = 1500


def the_internet():
    """A World whose addresses are all in 10.8.0.0/24, and no route there as yet."""
    moved = {name: address.replace("10.9.", "10.8.") for name, address in world.HOSTS.items()}
    world.HOSTS.update(moved)
    world.RESOLVER, world.DOH, world.BRIDGE = "10.8.0.53", "10.8.0.54", "10.8.0.41"
    real = world.World()
    for address in (GATEWAY, PROXY):
        real.internet.servers.run("ip", "addr", "add", f"{address}/24", "dev", "i0")
    # As hosts are that have a VPN: the way back is by another interface than the routing table's first.
    for interface in ("all", "c0"):
        with open(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter", "w", encoding="ascii") as file:
            file.write("0")
    return real


def dns():
    return f'[dns]\ndoh = ["https://{world.DOH_NAME}/dns-query@{world.DOH}"]\nresolvers = ["{world.RESOLVER}"]\n'


class Tun:
    """A device into which the default route leads, as a VPN sets it up, and what the kernel sent there: nobody answers."""

    def __init__(self):
        self.packets = []
        self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        iff_tun, iff_no_pi, tunsetiff = 0x0001, 0x1000, 0x400454CA
        fcntl.ioctl(self._device, tunsetiff, struct.pack("16sH22x", b"tun0", iff_tun | iff_no_pi))
        command("ip", "link", "set", "tun0", "addrgenmode", "none", "up")
        command("ip", "addr", "add", "10.7.0.1/24", "dev", "tun0")
        command("ip", "route", "add", "default", "dev", "tun0", "metric", "50")
        self._stopped, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @staticmethod
    def why_not():
        """Why there can be none here; None: there can."""
        try:
            os.close(os.open("/dev/net/tun", os.O_RDWR))
        except OSError as why:
            return f"/dev/net/tun: {why.strerror}"
        return None

    def _run(self):
        while self._stopped not in (ready := select.select([self._device, self._stopped], [], [])[0]):
            if ready:
                self.packets.append(os.read(self._device, TUN_MTU))

    def drain(self):
        """Everything that was sent before this: a packet of our own goes the same way, and comes out last."""
        mark = b"the last one"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(mark, ("10.7.0.2", 9))
        deadline = threading.Event()
        for _ in range(int(lab.PATIENCE * 100)):
            if any(packet.endswith(mark) for packet in self.packets):
                break
            deadline.wait(0.01)
        seen, self.packets = [packet for packet in self.packets if not packet.endswith(mark)], []
        return seen

    def close(self):
        os.write(self._stop, b".")
        self._thread.join()
        for one in (self._device, self._stop, self._stopped):
            os.close(one)


class Proxy:
    """A real proxy beside the servers, which alone knows their names."""

    def __init__(self, real, kind):
        self.port = {"microsocks": 1080, "tinyproxy": 8888}[kind]
        self.url = f"{'socks5' if kind == 'microsocks' else 'http'}://{PROXY}:{self.port}"
        folder = real.folder
        hosts, log = os.path.join(folder, "proxy.hosts"), os.path.join(folder, f"{kind}.log")
        with open(hosts, "w", encoding="ascii") as file:
            file.write("".join(f"{address} {name}\n" for name, address in world.HOSTS.items()))
        with open(os.path.join(folder, "tinyproxy.conf"), "w", encoding="ascii") as file:
            file.write(f"Port {self.port}\nListen {PROXY}\nTimeout 30\nMaxClients 20\nLogLevel Connect\n")
        words = {"microsocks": ["-i", PROXY, "-p", str(self.port)], "tinyproxy": ["-d", "-c", os.path.join(folder, "tinyproxy.conf")]}
        knowing = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts]
        with open(log, "wb") as out:
            self._process = subprocess.Popen([*real.internet.servers.launcher, *knowing, shutil.which(kind), *words[kind]],
                                             stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._wait(real, log)

    def _wait(self, real, log):
        listens = f"import socket\nsocket.create_connection(('{PROXY}',{self.port}),1).close()"
        for _ in range(100):
            if subprocess.run([*real.internet.servers.launcher, "python3", "-c", listens], stderr=subprocess.DEVNULL, check=False).returncode == 0:
                return
        with open(log, encoding="utf-8", errors="replace") as said:
            raise AssertionError("it does not listen: " + said.read())

    def close(self):
        self._process.terminate()
        self._process.wait(lab.PATIENCE)
