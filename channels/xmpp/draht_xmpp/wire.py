# SPDX-License-Identifier: EUPL-1.2
"""Lines of JSON-RPC on standard input and output (docs/channel-wire.md)."""
import json
import sys
import threading


class Wire:
    def __init__(self):
        self.lock, self.next_id, self.waiting = threading.Lock(), 0, {}

    def write(self, line):
        data = (json.dumps({"jsonrpc": "2.0", **line}, ensure_ascii=False, separators=(",", ":")) + "\n").encode("utf-8", "replace")
        with self.lock:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def tell(self, method, **params):
        self.write({"method": method, "params": params})

    def ask(self, method, params, done):
        """done(result, error) is called on the reading thread."""
        with self.lock:
            self.next_id += 1
            number = self.next_id
            self.waiting[number] = done
        self.write({"id": number, "method": method, "params": params})

    def answered(self, line):
        with self.lock:
            done = self.waiting.pop(line.get("id"), None)
        if done:
            done(line.get("result"), line.get("error"))


def log(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
