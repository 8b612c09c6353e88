"""A client that holds thousands of event streams open: a program of its own, told on standard input what to do next.

It opens them all, waits for the first event of each, and says so. Told `hold SECONDS` it reads until each stream has
had something more, a keep-alive, and says how many have. Told `close`, or nothing more, it ends.
"""

import json
import selectors
import socket
import ssl
import sys
import time

# Streams that are being opened at a time.
AT_ONCE = 64
PATIENCE = 60


class Stream:
    """One connection, and whether anything has come since it was last asked."""

    def __init__(self, address, context, request):
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.sendall(request)
        self.socket.setblocking(False)
        # The head and the first event are all that is looked at.
        self.begun = b""
        self.open = self.heard = self.ended = False

    def fileno(self):
        return self.socket.fileno()

    def read(self):
        while True:
            try:
                piece = self.socket.recv(16384)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not piece:
                self.ended = True
                return
            self.heard = True
            if not self.open:
                self.begun += piece
                self.open = b"acknowledged" in self.begun


def wait(selector, streams, is_over, seconds):
    """Reads until `is_over` holds for all of them."""
    end, left = time.monotonic() + seconds, {stream for stream in streams if not is_over(stream)}
    while left and time.monotonic() < end:
        for key, _ in selector.select(0.2):
            stream = key.fileobj
            stream.read()
            if stream.ended:
                raise ConnectionError(f"a stream has ended: {stream.begun[:300]!r}")
            if is_over(stream):
                left.discard(stream)
    return len(left)


def open_all(address, context, request, count, selector, streams):
    while len(streams) < count:
        wave = [Stream(address, context, request) for _ in range(min(AT_ONCE, count - len(streams)))]
        for stream in wave:
            selector.register(stream, selectors.EVENT_READ)
        if left := wait(selector, wave, lambda stream: stream.open, PATIENCE):
            raise ConnectionError(f"{left} streams had no first event: {wave[0].begun[:300]!r}")
        streams += wave


def say(**what):
    print(json.dumps(what), flush=True)


def main(host, port, certificate, request, count):
    with open(request, "rb") as file:
        request = file.read()
    context = ssl.create_default_context(cafile=certificate) if certificate else None
    selector, streams = selectors.DefaultSelector(), []
    try:
        open_all((host, int(port)), context, request, int(count), selector, streams)
        say(open=len(streams))
        for line in sys.stdin:
            order, *arguments = line.split()
            if order != "hold":
                break
            for stream in streams:
                stream.heard = False
            left = wait(selector, streams, lambda stream: stream.heard, float(arguments[0]))
            say(kept=len(streams) - left)
    except OSError as error:
        say(failed=f"{type(error).__name__}: {error}, {len(streams)} streams were open")


if __name__ == "__main__":
    main(*sys.argv[1:])
