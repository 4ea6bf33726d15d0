"""A churning program in Python; its arguments and modes are those of ../go/churn.go."""

import itertools
import os
import socket
import sys
import threading
import time

ATTEMPTS_UNTIL_READY = 20
MOST_KEPT = 800


def fetch_stock(address):
    """The function that Sockeye has to name."""
    conn = socket.create_connection(address)  # opens
    conn.sendall(b"GET\n")
    conn.recv(16)
    return conn


def work(address, attempts, kept, first, every, leaks):
    time.sleep(first)  # one after the other, no bursts
    for n in attempts:
        if leaks and n > MOST_KEPT:
            return
        try:
            conn = fetch_stock(address)
            if leaks:
                kept.append(conn)
            else:
                conn.close()
        except OSError:
            pass  # the next one comes all the same
        if n == ATTEMPTS_UNTIL_READY:
            print("ready", os.getpid(), flush=True)
        time.sleep(every)


def main():
    if len(sys.argv) != 5 or sys.argv[4] not in ("close", "leak", "fail"):
        sys.exit("usage: churn.py HOST:PORT RATE WORKERS close|leak|fail")
    host, port = sys.argv[1].rsplit(":", 1)
    rate, workers = int(sys.argv[2]), int(sys.argv[3])
    attempts, kept = itertools.count(1), []  # next() of a count is atomic
    for i in range(workers):
        args = ((host, int(port)), attempts, kept, i / rate, workers / rate, sys.argv[4] == "leak")
        threading.Thread(target=work, args=args, daemon=True).start()
    sys.stdin.buffer.read()
    # Ending the interpreter would wait for whoever holds its lock.
    os._exit(0)


main()
