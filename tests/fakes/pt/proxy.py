#!/usr/bin/python3
"""A managed proxy that misbehaves in the way that its argument names. Ends, as it should, when its stdin does."""

import os
import socket
import sys
import threading


def end_with_stdin():
    while os.read(0, 512):
        pass
    os._exit(0)


def say(*lines):
    os.write(1, b"".join(line if isinstance(line, bytes) else line.encode() + b"\n" for line in lines))


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def offer(port, name="fake", address="127.0.0.1"):
    return f"CMETHOD {name} socks5 {address}:{port}"


def silent():
    pass


def garbage():
    say(*(f"{number} lorem ipsum" for number in range(1000)))


def endless_line():
    while True:
        os.write(1, b"CMETHOD " + b"x" * 4096)


def dies_after_methods():
    _, port = listen()
    say("VERSION 1", offer(port), "CMETHODS DONE")
    os._exit(7)


def dies_when_used():
    listener, port = listen()
    say("VERSION 1", offer(port), "CMETHODS DONE")
    listener.accept()
    os._exit(7)


def dies_at_start():
    say("VERSION 1", "ENV-ERROR no state location")
    os._exit(1)


def twice():
    _, port = listen()
    say("VERSION 1", offer(port), offer(port + 1), "CMETHODS DONE")


def elsewhere():
    say("VERSION 1", offer(80, address="192.0.2.1"), "CMETHODS DONE")


def not_utf8():
    say("VERSION 1", b"LOG SEVERITY=notice MESSAGE=\"\xff\xfe\"\n", "CMETHODS DONE")


def floods_log():
    global keep
    keep, port = listen()
    say("VERSION 1", offer(port), "CMETHODS DONE")
    for number in range(20000):
        say(f'LOG SEVERITY=info MESSAGE="line {number}"')
        os.write(2, b"chatter on the other pipe\n")
    say('STATUS TRANSPORT=fake FLOOD=over')


def refuses_one():
    global keep
    keep, port = listen()
    say("VERSION 1", "CMETHOD-ERROR other not today", offer(port), "CMETHODS DONE")


def forgets_proxy():
    _, port = listen()
    say("VERSION 1", offer(port), "CMETHODS DONE")


def old_version():
    say("VERSION-ERROR no-version")


def good():
    global keep
    keep, port = listen()
    say("VERSION 1", "FUTURE keyword", "STATUS TYPE=version IMPLEMENTATION=fake VERSION=1.0", offer(port), "CMETHODS DONE")


def grants():
    """Grants every request at once, as snowflake does, and leads nowhere."""
    listener, port = listen()
    say("VERSION 1", offer(port), "CMETHODS DONE")
    kept = []
    while True:
        client = listener.accept()[0]
        for answer in (b"\x05\x02", b"\x01\x00"):
            client.recv(512)
            client.sendall(answer)
        client.recv(512)
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        kept.append(client)


def deaf():
    """Neither the end of stdin nor SIGTERM ends it."""
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    good()


def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def environment():
    """Says by STATUS what it was given."""
    good()
    said = " ".join(f"{name}={value}" for name, value in sorted(os.environ.items()) if name != "LC_CTYPE")
    files = ",".join(str(number) for number in range(3, 256) if is_open(number) and number != keep.fileno()) or "none"
    say(f'STATUS TRANSPORT=fake ENV="{said}" FILES={files} CWD={os.getcwd()}')


if __name__ == "__main__":
    if sys.argv[1] != "deaf":
        threading.Thread(target=end_with_stdin, daemon=True).start()
    globals()[sys.argv[1]]()
    threading.Event().wait()
