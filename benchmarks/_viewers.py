"""Many viewers of `/stream` in one process: `python -m benchmarks._viewers PORT COUNT SYMBOL…`.

It prints a line when all are told something, and, after a line on its standard input, when each batch was received, by
the monotonic clock.
"""

import json
import re
import select
import socket
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

ROWS = re.compile(rb"event: rows\r?\nid: (\d+)\n")
TAIL = 40  # bytes: a mark may come in two pieces
AT_ONCE = 50  # connections that are opened before their first words are awaited


@dataclass
class Crowd:
    """Hold the viewers, and what they received."""

    poll: select.epoll = field(default_factory=select.epoll)
    lines: dict[int, socket.socket] = field(default_factory=dict)
    tails: dict[int, bytes] = field(default_factory=dict)
    received: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    silent: set[int] = field(default_factory=set)

    def join(self, port: int, symbol: str) -> None:
        """Open one viewer's stream."""
        line = socket.create_connection(("127.0.0.1", port), 30)
        line.sendall(f"GET /stream?symbol={symbol} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.lines[line.fileno()], self.tails[line.fileno()] = line, b""
        self.silent.add(line.fileno())
        self.poll.register(line.fileno(), select.EPOLLIN)

    def turn(self) -> bool:
        """Take what came; say whether something stands on the standard input."""
        for number, _ in self.poll.poll(1):
            if number == sys.stdin.fileno():
                return True
            self._receive(number)
        return False

    def _receive(self, number: int) -> None:
        data = self.lines[number].recv(65536)
        if not data:
            self.poll.unregister(number)
            return
        now, text = time.monotonic(), self.tails[number] + data
        end = 0
        for found in ROWS.finditer(text):
            end = found.end()
            self.received[int(found[1])].append(now)
            self.silent.discard(number)
        self.tails[number] = text[max(end, len(text) - TAIL) :]


def main(port: int, count: int, symbols: list[str]) -> None:
    """Watch until told to end."""
    crowd = Crowd()
    for number in range(count):
        crowd.join(port, symbols[number % len(symbols)])
        while len(crowd.silent) >= AT_ONCE or (number == count - 1 and crowd.silent):
            crowd.turn()
    print("ready", flush=True)
    crowd.received.clear()
    crowd.poll.register(sys.stdin.fileno(), select.EPOLLIN)
    while not crowd.turn():
        pass
    print(json.dumps(crowd.received), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
