"""landfall-server behind a real nginx, as docs/SERVER.md recommends it: strangers see that nginx and nothing else.

The location block is read from docs/SERVER.md itself, so the page cannot go stale. Three nginx run: the recommended one, the
same without the landfall block, and the recommended one with landfall-server stopped."""

import http.client
import re
import signal
import subprocess
import unittest
from pathlib import Path

from harness import (LIST, PATIENCE, SECRET, STRANGE, ServerTest, ask_raw, connect, read_all, tag_of, wait_until,
                     without_date)  # fmt: skip

PATH = f"/{SECRET}/{LIST}"
MANUAL = Path(__file__).resolve().parents[2] / "docs" / "SERVER.md"
CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen unix:{folder}/nginx.sock;
    server_name example.com;
    root {decoy};
    {landfall}
  }}
}}
"""


def landfall_block(socket_path: Path) -> str:
    """The block that the manual gives, with this test's secret and socket."""
    block = re.search(r"```nginx\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    if block is None:
        raise AssertionError("docs/SERVER.md has lost its nginx block")
    text = block.group(1)
    for placeholder, value in (("SECRET", SECRET), ("unix:/run/landfall-server/http.sock", f"unix:{socket_path}")):
        if placeholder not in text:
            raise AssertionError(f"the nginx block names no {placeholder}")
        text = text.replace(placeholder, value)
    return text


class BehindNginx(ServerTest):
    def start_nginx(self, name: str, landfall: str) -> str:
        """Its socket's path, once it answers."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, decoy=self.decoy, landfall=landfall))
        nginx = subprocess.Popen(["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")])

        def stop() -> None:
            nginx.send_signal(signal.SIGQUIT)
            nginx.wait(PATIENCE)

        self.addCleanup(stop)
        return str(folder / "nginx.sock")

    def wait_for(self, address: str) -> None:
        def answers() -> bool:
            try:
                connect(address).close()
                return True
            except OSError:
                return False

        wait_until(answers, f"nginx at {address}")

    def setUp(self) -> None:
        super().setUp()
        for folder in (self.folder, self.documents, self.decoy):
            folder.chmod(0o755)  # nginx's workers are another user
        self.server = self.serve(listen=(f"unix:{self.folder}/landfall.sock",))
        (self.folder / "landfall.sock").chmod(0o666)
        block = landfall_block(self.folder / "landfall.sock")
        self.front = self.start_nginx("front", block)
        self.bare = self.start_nginx("bare", "")
        self.wait_for(self.front)
        self.wait_for(self.bare)

    def get(self, headers: str = "") -> "tuple[bytes, bytes]":
        # Not half-closed: nginx takes that for a client that has left, and asks nobody for it.
        with connect(self.front) as connection:
            connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n{headers}\r\n".encode())
            head, _, body = read_all(connection).partition(b"\r\n\r\n")
        return head, body

    def test_documents_come_through_whole_in_part_and_by_tag(self) -> None:
        head, body = self.get()
        self.assertTrue(head.startswith(b"HTTP/1.1 200"))
        self.assertIn(tag_of(self.list).encode(), head)
        self.assertEqual(body, self.list)
        head, body = self.get("Range: bytes=6144-12287\r\n")
        self.assertIn(b"Content-Range: bytes 6144-12287/%d" % len(self.list), head)
        self.assertEqual(body, self.list[6144:12288])
        head, body = self.get(f"If-None-Match: {tag_of(self.list)}\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 304"))
        self.assertEqual(body, b"")

    def assert_same_to_strangers(self) -> None:
        self.assertIn(b"My garden", ask_raw(self.front, STRANGE[0]))
        for asked in STRANGE:
            with self.subTest(asked[:60]):
                self.assertEqual(without_date(ask_raw(self.front, asked)), without_date(ask_raw(self.bare, asked)))

    def test_strangers_get_byte_for_byte_the_nginx_without_landfall(self) -> None:
        self.assert_same_to_strangers()

    def test_and_also_while_landfall_is_down(self) -> None:
        self.assertEqual(self.server.stop(), 0)
        self.assert_same_to_strangers()
        head, _ = self.get()
        self.assertTrue(head.startswith(b"HTTP/1.1 502"))

    def test_the_secret_path_without_its_slash_or_its_end_is_a_strangers(self) -> None:
        for path in (f"/{SECRET}", f"/{SECRET}/", f"/{SECRET}x/v1", f"/{SECRET[:-1]}/v1/net/public-0/list"):
            asked = f"GET {path} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n".encode()
            self.assertEqual(without_date(ask_raw(self.front, asked)), without_date(ask_raw(self.bare, asked)), path)

    def test_nginx_writes_the_secret_nowhere(self) -> None:
        self.get()
        self.server.stop()
        self.get()
        for log in ("access.log", "error.log"):
            self.assertNotIn(SECRET, (self.folder / "front" / log).read_text())


if __name__ == "__main__":
    unittest.main()
