"""DNS over HTTPS (RFC 8484) in front of a plain resolver: python3 doh_server.py ADDRESS RESOLVER CERTIFICATE KEY."""

import base64
import http.server
import socket
import ssl
import sys
import urllib.parse

MEDIA = "application/dns-message"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    resolver = ""

    def do_GET(self):
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query).get("dns", [""])[0]
        self.answer(base64.urlsafe_b64decode(asked + "=" * (-len(asked) % 4)))

    def do_POST(self):
        self.answer(self.rfile.read(min(int(self.headers["Content-Length"]), 4096)))

    def answer(self, query):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(5)
            udp.sendto(query, (self.resolver, 53))
            message = udp.recv(4096)
        self.send_response(200)
        self.send_header("Content-Type", MEDIA)
        self.send_header("Content-Length", str(len(message)))
        self.end_headers()
        self.wfile.write(message)

    def log_message(self, *_):
        pass


def main():
    address, Handler.resolver, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.ThreadingHTTPServer((address, 443), Handler) as server:
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
