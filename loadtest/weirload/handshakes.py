"""A client that connects anew for each call, with a full TLS 1.3 handshake: a program of its own, see `drivers.py`.

Each connection offers no session, is checked not to have resumed one, and reads its answer to the end.
"""

import json
import multiprocessing
import socket
import ssl
import sys
import time


def call(address, context, request, expected):
    """One connection; what went wrong, or nothing."""
    with socket.create_connection(address, timeout=10) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            if connection.session_reused or connection.version() != "TLSv1.3":
                return "a session was resumed, or it is not TLS 1.3"
            connection.sendall(request)
            answer = bytearray()
            while piece := connection.recv(65536):
                answer += piece
    if not (answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(expected)):
        return f"another answer: {bytes(answer[:200])!r}"
    return ""


def work(address, certificate, request, expected, seconds, results):
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    latencies, failed, end = [], "", time.monotonic() + seconds
    while not failed and time.monotonic() < end:
        begun = time.monotonic_ns()
        try:
            failed = call(address, context, request, expected)
        except OSError as error:
            failed = f"{type(error).__name__}: {error}"
        latencies.append((time.monotonic_ns() - begun) // 1000)
    results.put((latencies, failed))


def main(host, port, certificate, request, expected, workers, seconds):
    with open(request, "rb") as file, open(expected, "rb") as answer:
        request, expected = file.read(), answer.read()
    results, begun = multiprocessing.Queue(), time.monotonic()
    arguments = ((host, int(port)), certificate, request, expected, float(seconds), results)
    processes = [multiprocessing.Process(target=work, args=arguments) for _ in range(int(workers))]
    for process in processes:
        process.start()
    said = [results.get() for _ in processes]
    elapsed = time.monotonic() - begun
    for process in processes:
        process.join()
    failed = next((failed for _, failed in said if failed), "")
    latencies = [latency for latencies, _ in said for latency in latencies]
    print(json.dumps({"seconds": elapsed, "failed": failed, "microseconds": latencies}))


if __name__ == "__main__":
    main(*sys.argv[1:])
