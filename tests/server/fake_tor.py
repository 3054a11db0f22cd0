"""A control port that takes any onion service of the tests' seed, so that the listener behind it can be talked to without a Tor network."""

import socket
import threading

SEED = {"LANDFALL_SERVER_SEED": "5a" * 32}
ADDRESS = "irwztp33vc4zglutbyogb2ucm4q2btb4bgc6j56khntqsabqh4wwmoyd"  # what that seed gives, for ever


class FakeTor:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.heard = []
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        replies = ["250-PROTOCOLINFO 1\r\n250-AUTH METHODS=NULL\r\n250 OK\r\n", "250 OK\r\n", f"250-ServiceID={ADDRESS}\r\n250 OK\r\n"]
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection, connection.makefile("r", newline="\r\n") as lines:
            for line, reply in zip(lines, replies):
                self.heard.append(line)
                connection.sendall(reply.encode())
            lines.read()  # until the server ends

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
