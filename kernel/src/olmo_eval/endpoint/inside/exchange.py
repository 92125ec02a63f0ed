"""Brings answers to the relay and fetches what it is asked next. Imports little: it runs often.

``python3 exchange.py SOCKET SECONDS`` takes answers as JSON lines on standard input, and prints
requests as JSON lines: those that wait, or the first that comes within so many seconds. It ends
with 3 where there is no relay: the program has not begun, or has ended.
"""

import socket
import sys


def main() -> None:
    path, seconds = sys.argv[1:]
    relay = socket.socket(socket.AF_UNIX)
    try:
        relay.connect(path)
        relay.sendall(seconds.encode() + b"\n" + sys.stdin.buffer.read())
        relay.shutdown(socket.SHUT_WR)
        while True:
            found = relay.recv(1 << 16)
            if not found:
                break
            sys.stdout.buffer.write(found)
    except (FileNotFoundError, ConnectionError):
        sys.exit(3)


if __name__ == "__main__":
    main()
