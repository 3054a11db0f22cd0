"""The real landfall-server over TCP and Unix sockets: what clients and strangers get."""

import http.client
import os
import signal
import socket
import stat
import subprocess
import time
import unittest
import unittest.mock

from harness import (BINARY, LIST, SECRET, STRANGE, Server, ServerTest, ask_raw, connect, peer_list, replace, tag_of,
                     without_date)  # fmt: skip

PATH = f"/{SECRET}/{LIST}"


def request(server: Server, method: str, path: str, headers=None, index: int = 0):
    """Status, headers and body of one request."""
    host, port = server.address(index)
    connection = http.client.HTTPConnection(host, port, timeout=20)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Documents(ServerTest):
    def test_a_list_is_served_with_the_hash_of_its_payload(self) -> None:
        status, headers, body = request(self.serve(), "GET", PATH)
        self.assertEqual((status, body), (200, self.list))
        self.assertEqual(headers["ETag"], tag_of(self.list))
        self.assertEqual(headers["Content-Length"], str(len(self.list)))
        self.assertNotIn("Server", headers)
        self.assertNotIn("Last-Modified", headers)

    def test_what_a_client_knows_is_not_sent_again(self) -> None:
        server = self.serve()
        status, _, body = request(server, "GET", PATH, {"If-None-Match": tag_of(self.list)})
        self.assertEqual((status, body), (304, b""))
        status, _, body = request(server, "GET", PATH, {"If-None-Match": '"0"'})
        self.assertEqual((status, body), (200, self.list))

    def test_a_list_can_be_fetched_in_pieces(self) -> None:
        server = self.serve()
        got = b""
        while len(got) < len(self.list):
            status, headers, body = request(server, "GET", PATH, {"Range": f"bytes={len(got)}-{len(got) + 6143}"})
            self.assertEqual(status, 206)
            self.assertEqual(headers["Content-Range"], f"bytes {len(got)}-{len(got) + len(body) - 1}/{len(self.list)}")
            got += body
        self.assertEqual(got, self.list)

    def test_head_has_no_body_and_the_connection_goes_on(self) -> None:
        server = self.serve()
        connection = http.client.HTTPConnection(*server.address(), timeout=20)
        self.addCleanup(connection.close)
        for method, expected in (("HEAD", b""), ("GET", self.list), ("HEAD", b""), ("GET", self.list)):
            connection.request(method, PATH)
            answer = connection.getresponse()
            self.assertEqual(answer.headers["Content-Length"], str(len(self.list)))
            self.assertEqual(answer.read(), expected)

    def test_missing_documents_are_404(self) -> None:
        server = self.serve()
        for path in ("/v1/net/root/2", "/v1/net/live", "/v1/net/other-0/list", "/"):
            self.assertEqual(request(server, "GET", f"/{SECRET}{path}")[0], 404, path)

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        server = self.serve()
        paths = [PATH, "/roses.css", "/nothing", PATH, "/"]
        wanted = [ask_raw(server.address(), f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) for path in paths]
        got = ask_raw(server.address(), b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths))
        self.assertEqual(without_date(got), b"".join(without_date(one) for one in wanted))

    def test_a_client_that_closes_its_half_gets_its_whole_answer(self) -> None:
        replace(self.decoy / "large.bin", os.urandom(8_000_000))
        server = self.serve()
        self.assertTrue(ask_raw(server.address(), f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode()).endswith(self.list))
        got = ask_raw(server.address(), b"GET /large.bin HTTP/1.0\r\n\r\n")
        self.assertTrue(got.endswith((self.decoy / "large.bin").read_bytes()))

    def test_documents_are_for_the_named_hosts_only(self) -> None:
        server = self.serve("--host", "hidden.example.org", "--host", "Other.example.org")
        for host, status in (("hidden.example.org", 200), ("HIDDEN.example.org:443", 200), ("other.example.org", 200),
                             ("cdn-a.example.com", 404), ("127.0.0.1", 404)):  # fmt: skip
            self.assertEqual(request(server, "GET", PATH, {"Host": host})[0], status, host)
            self.assertEqual(request(server, "GET", "/", {"Host": host})[0], 200, host)

    def test_a_unix_socket_serves_the_same(self) -> None:
        server = self.serve(listen=("127.0.0.1:0", f"unix:{self.folder}/socket"))
        asked = f"GET {PATH} HTTP/1.0\r\n\r\n".encode()
        self.assertEqual(without_date(ask_raw(server.address(1), asked)), without_date(ask_raw(server.address(0), asked)))
        self.assertEqual(stat.S_IMODE((self.folder / "socket").stat().st_mode), 0o660)

    def test_ipv6_listens_too(self) -> None:
        server = self.serve(listen=("[::1]:0",))
        self.assertTrue(server.listening[0].startswith("[::1]:"))
        self.assertIn(self.list, ask_raw(server.address(), f"GET {PATH} HTTP/1.0\r\n\r\n".encode()))


class Strangers(ServerTest):
    def test_they_get_byte_for_byte_what_a_server_without_documents_answers(self) -> None:
        with_documents, without = self.serve(), self.serve_decoy()
        for asked in STRANGE:
            with self.subTest(asked[:60]):
                self.assertEqual(
                    without_date(ask_raw(with_documents.address(), asked)), without_date(ask_raw(without.address(), asked))
                )

    def test_no_path_leaves_the_folders(self) -> None:
        server = self.serve()
        (self.folder / "outside").write_bytes(b"outside")
        for path in ("/../outside", "/%2e%2e/outside", "/..%2foutside", f"/{SECRET}/../../outside", f"/{SECRET}/v1/..%2f..%2foutside",
                     "//outside", "/./../outside", "/roses.css/../../outside", "/\\..\\outside", "/%00/outside"):  # fmt: skip
            got = ask_raw(server.address(), f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertTrue(got.startswith(b"HTTP/1.1 404"), (path, got[:80]))

    def test_writing_to_a_document_looks_like_writing_to_nothing(self) -> None:
        server = self.serve()
        for method in (b"POST", b"PUT", b"DELETE", b"PATCH"):
            asked = method + b" %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            self.assertEqual(
                without_date(ask_raw(server.address(), asked % PATH.encode())),
                without_date(ask_raw(server.address(), asked % b"/nothing/here")),
            )


class Changes(ServerTest):
    def test_a_new_list_is_served_without_a_restart_and_open_connections_stay(self) -> None:
        server = self.serve()
        server.wait_for("decoy pages: 3 in service")
        connection = http.client.HTTPConnection(*server.address(), timeout=20)
        self.addCleanup(connection.close)
        for version in (2, 3):
            document = peer_list(version)
            replace(self.documents / LIST, document)
            server.wait_for("documents: 1 in service")
            connection.request("GET", PATH)
            answer = connection.getresponse()
            self.assertEqual((answer.headers["ETag"], answer.read()), (tag_of(document), document))

    def test_a_bad_document_is_told_and_the_others_stay(self) -> None:
        server = self.serve()
        replace(self.documents / "v1/net/small-0/list", b"<html>")
        server.wait_for("documents: left out v1/net/small-0/list: ")
        self.assertEqual(request(server, "GET", f"/{SECRET}/v1/net/small-0/list")[0], 404)
        self.assertEqual(request(server, "GET", PATH)[2], self.list)

    def test_a_reader_in_the_middle_gets_the_old_bytes(self) -> None:
        large = os.urandom(8_000_000)
        replace(self.decoy / "large.bin", large)
        server = self.serve()
        server.wait_for("decoy pages: ")
        with connect(server.address()) as reader:
            reader.sendall(b"GET /large.bin HTTP/1.0\r\n\r\n")
            got = reader.recv(1000)
            replace(self.decoy / "large.bin", b"small now")
            server.wait_for("decoy pages: ")
            while part := reader.recv(65536):
                got += part
        self.assertTrue(got.endswith(large))

    def test_sighup_reads_again(self) -> None:
        server = self.serve()
        server.wait_for("decoy pages: ")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("documents: 1 in service")
        server.wait_for("decoy pages: 3 in service")


class Starting(ServerTest):
    def run_once(self, *arguments: str, secret: str = "") -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([BINARY, *arguments], input=secret.encode(), capture_output=True, timeout=20)

    def test_bad_usage_is_told_in_one_clear_line_without_the_secret(self) -> None:
        documents, decoy = str(self.documents), str(self.decoy)
        rows = [
            ("no listener", ["--decoy", decoy], "--listen"),
            ("documents without a secret", ["--documents", documents, "--listen", "127.0.0.1:0"], "need a secret"),
            ("a secret without documents", ["--secret", SECRET, "--listen", "127.0.0.1:0"], "needs --documents"),
            ("a secret that is no segment", ["--documents", documents, "--secret", SECRET + "/x", "--listen", "127.0.0.1:0"], "letters"),
            ("an empty secret file", ["--documents", documents, "--secret-file", "/dev/null", "--listen", "127.0.0.1:0"], "regular file"),
            ("no folder", ["--documents", "/nonexistent", "--secret", SECRET, "--listen", "127.0.0.1:0"], "/nonexistent"),
            ("no port", ["--decoy", decoy, "--listen", "127.0.0.1"], "127.0.0.1"),
            ("a name", ["--decoy", decoy, "--listen", "localhost:80"], "localhost:80"),
            ("a long socket path", ["--decoy", decoy, "--listen", "unix:/" + "x" * 200], "between 1 and 107"),
            ("a certificate without a key", ["--decoy", decoy, "--listen", "127.0.0.1:0", "--tls-cert", "x"], "--tls-key"),
            ("no certificate", ["--decoy", decoy, "--listen", "127.0.0.1:0", "--tls-cert", "/no", "--tls-key", "/no"], "/no"),
            ("an unknown flag", ["--decoy", decoy, "--listen", "127.0.0.1:0", "--nonsense"], "--nonsense"),
        ]
        for name, arguments, clue in rows:
            with self.subTest(name):
                ended = self.run_once(*arguments)
                self.assertEqual(ended.returncode, 2)
                self.assertEqual(ended.stdout, b"")
                self.assertIn(clue, ended.stderr.decode())
                self.assertNotIn(SECRET, ended.stderr.decode())

    def test_the_secret_comes_from_stdin_too(self) -> None:
        server = Server("--documents", str(self.documents), "--secret-file", "-", "--listen", "127.0.0.1:0", secret=SECRET + "\n")
        self.addCleanup(server.stop)
        self.assertEqual(request(server, "GET", PATH)[2], self.list)

    def test_a_port_in_use_is_told(self) -> None:
        server = self.serve()
        ended = self.run_once("--decoy", str(self.decoy), "--listen", server.listening[0])
        self.assertEqual(ended.returncode, 1)
        self.assertIn("Address already in use", ended.stderr.decode())

    def test_a_stale_socket_is_replaced_and_a_live_one_is_not(self) -> None:
        where = f"unix:{self.folder}/socket"
        killed = self.serve(listen=(where,))
        killed.stop(signal.SIGKILL)
        self.assertTrue((self.folder / "socket").exists())
        server = self.serve(listen=(where,))
        ended = self.run_once("--decoy", str(self.decoy), "--listen", where)
        self.assertEqual(ended.returncode, 1)
        self.assertIn("another server listens", ended.stderr.decode())
        self.assertIn(self.list, ask_raw(server.address(), f"GET {PATH} HTTP/1.0\r\n\r\n".encode()))
        self.assertEqual(server.stop(), 0)
        self.assertFalse((self.folder / "socket").exists())
        (self.folder / "socket").write_text("a file")
        self.assertEqual(self.run_once("--decoy", str(self.decoy), "--listen", where).returncode, 1)
        self.assertEqual((self.folder / "socket").read_text(), "a file")

    def test_nothing_that_it_says_holds_the_secret(self) -> None:
        server = self.serve()
        request(server, "GET", PATH)
        request(server, "GET", f"/{SECRET}/nothing")
        self.assertEqual(server.stop(), 0)
        self.assertEqual([line for line in server.told if SECRET in line], [])

    def test_readiness_is_told_to_the_service_manager(self) -> None:
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(str(self.folder / "notify"))
        manager.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = str(self.folder / "notify")
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET", None)
        server = self.serve()
        self.assertEqual(manager.recv(100), b"READY=1")
        server.stop()
        self.assertEqual(manager.recv(100), b"STOPPING=1")


class Ending(ServerTest):
    def test_sigterm_ends_it_within_a_second_with_clients_of_every_kind(self) -> None:
        replace(self.decoy / "large.bin", os.urandom(16_000_000))
        server = self.serve()
        idle, kept, half, slow = (connect(server.address()) for _ in range(4))
        for one in (idle, kept, half, slow):
            self.addCleanup(one.close)
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        kept.recv(1000)
        half.sendall(b"GET / HTTP/1.1\r\nHo")
        slow.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.recv(1000)
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 1.0)

    def test_an_answer_under_way_is_finished(self) -> None:
        large = os.urandom(16_000_000)
        replace(self.decoy / "large.bin", large)
        server = self.serve()
        with connect(server.address()) as reader:
            reader.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            got = reader.recv(1000)
            server.process.send_signal(signal.SIGTERM)
            while part := reader.recv(1 << 20):
                got += part
        self.assertTrue(got.endswith(large))
        self.assertEqual(server.stop(), 0)

    def test_a_second_sigterm_while_it_ends_changes_nothing(self) -> None:
        preloaded = {"LD_PRELOAD": os.environ["LANDFALL_LATE_SIGNAL"], "ASAN_OPTIONS": "verify_asan_link_order=0"}
        with unittest.mock.patch.dict(os.environ, preloaded):
            server = self.serve()
        self.assertEqual(server.stop(), 0)

    def test_it_ends_with_its_parent(self) -> None:
        # The parent is a shell that ends when its stdin does; the pipe of the server's stdout closes when the server has ended.
        parent = subprocess.Popen(
            ["sh", "-c", '"$@" & read -r line', "sh", BINARY, "--decoy", str(self.decoy), "--listen", "127.0.0.1:0", "--exit-with-parent"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert parent.stdin and parent.stdout
        self.assertIn(b"listening", parent.stdout.readline())
        parent.stdin.close()
        self.assertEqual(parent.stdout.read(), b"")
        parent.stdout.close()
        parent.wait(20)


if __name__ == "__main__":
    unittest.main()
