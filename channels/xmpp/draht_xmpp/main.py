# SPDX-License-Identifier: EUPL-1.2
"""What Draht asks the program, and what it answers."""
import json
import sys
import threading

from .client import ClientLink
from .link import Link
from .names import *
from .office import Office
from .stanza import Broken, normalize
from .wire import Wire


class Service:
    def __init__(self):
        self.wire, self.link, self.office = Wire(), None, None

    def init(self, params):
        settings = dict(params["settings"])
        is_client = settings["mode"] == "client"
        settings["port"] = settings["port"] or (5222 if is_client else 5347)
        self.office = Office(self.wire, settings, params.get("timeout_ms", 30000) / 1000)
        self.link = (ClientLink if is_client else Link)(settings, self.office)
        self.office.bind(self.link)
        return {"up": False, "sentence": "Connecting to the XMPP server."}

    def begin(self):
        """Of several gateways one uses the account; a component is refused by the server while another one is there."""
        threading.Thread(target=self.link.run, daemon=True).start()
        if self.link.settings["mode"] == "client":
            self.wire.ask("lease", {"name": "account"}, lambda result, error: None)
        else:
            self.link.may_run.set()

    def lease(self, is_held):
        if is_held:
            self.link.may_run.set()
        else:
            self.link.may_run.clear()
            self.link.cut()

    def serve(self):
        while True:
            raw = sys.stdin.buffer.readline()
            if not raw:
                return
            line = json.loads(raw)
            method, number, params = line.get("method"), line.get("id"), line.get("params") or {}
            result = {}
            if method is None:
                self.wire.answered(line)
                continue
            if method == "draht.manifest":
                result = MANIFEST
            elif method == "draht.init":
                result = self.init(params)
            elif method == "send":
                self.office.out(params, lambda verdict, number=number: self.wire.write({"id": number, "result": verdict}))
                continue
            elif method == "typing":
                self.office.typing(params)
            elif method == "lease":
                self.lease(params.get("held") is True)
            elif method == "shutdown":
                self.link.finish()
            elif method not in ("health", "notify"):
                if number is not None:
                    self.wire.write({"id": number, "error": {"code": -32601, "message": "There is no such method."}})
                continue
            if number is not None:
                self.wire.write({"id": number, "result": result})
            if method == "draht.init":
                self.begin()
            if method == "shutdown":
                return


def main(words):
    if len(words) == 2 and words[0] == "--normalize":
        try:
            normalize(words[1])
        except (OSError, Broken) as fault:
            sys.exit("draht-xmpp: %s" % fault)
    elif not words:
        Service().serve()
    else:
        sys.exit("usage: draht-xmpp [--normalize FILE]")
