#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A channel program that is good until a reply tells it to be bad: "do: WORD" in the text of a send, or as its argument."""
import json
import os
import signal
import sys
import time

out = sys.stdout.buffer
ASKED = {"next": 0}
settings = {}
spool = ""


def line(**o):
    out.write((json.dumps({"jsonrpc": "2.0", **o}) + "\n").encode())
    out.flush()


def ask(method, params):
    ASKED["next"] += 1
    line(id=ASKED["next"], method=method, params=params)
    return ASKED["next"]


def inbound(number, text, **more):
    return ask("inbound", {"external_id": number, "sender": "sender-" + number, "thread": "thread-" + number, "text": text, **more})


def sent(request, m):
    line(id=request["id"], result={"verdict": "sent", "external_id": "x-" + m["message"]})


def bad(word, request, m):
    number = request["id"] if request else 1
    if word == "endless":
        out.write(b"a" * (10 << 20))
    elif word == "two":
        out.write(b'{"jsonrpc":"2.0","method":"log"}{"jsonrpc":"2.0","method":"log"}\n')
    elif word == "utf8":
        out.write(b'{"jsonrpc":"2.0","method":"log","params":{"text":"\xff"}}\n')
    elif word == "twice":
        p = {"jsonrpc": "2.0", "id": 77, "method": "state.get", "params": {"key": "k"}}
        out.write((json.dumps(p) + "\n" + json.dumps(p) + "\n").encode())
    elif word == "unknown":
        line(id=999999, result={})
    elif word == "closed":
        out.flush()
        os.close(1)
        time.sleep(600)
    elif word == "deaf":
        time.sleep(600)
    elif word == "banner":
        out.write(b"Welcome to my channel!\n")
    elif word == "midline":
        out.write(b'{"jsonrpc":"2.0","id":')
        out.flush()
        os._exit(3)
    elif word == "fork":
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        os._exit(0)
    elif word == "late":
        time.sleep(3.2)
        sent(request, m)
    elif word == "deep":
        out.write(b"[" * 10000 + b"\n")
    elif word == "huge":
        out.write(b'{"jsonrpc":"2.0","method":"log","params":{"level":1e999}}\n')
    elif word == "nul":
        inbound("nul", "a\0b")
        sent(request, m)
    elif word == "flood":
        for i in range(3000):
            line(method="inbound", params={"external_id": "flood", "sender": "flood", "thread": "flood", "text": "flood"})
        sent(request, m)
    elif word == "noise":
        for i in range(50000):
            sys.stderr.write("noise %d\n" % i)
        sent(request, m)
    elif word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        out.write(b"no\n")
    elif word == "memory":
        hog = bytearray(1 << 30)
        hog[-1] = 1
    elif word == "params":
        for method, p in (("inbound", {}), ("inbound", {"external_id": 5, "sender": None}), ("state.set", {"key": "a" * 300, "value": "x"}), ("receipt", {"state": "eaten"}),
                          ("blob.put", {"file": "../../secret"}), ("nonsense", {}), ("inbound", {"external_id": "f", "sender": "s", "attachments": [{"file": "../../x"}]})):
            ask(method, p)
        sent(request, m)
    out.flush()


def main():
    global settings, spool
    if len(sys.argv) > 1:
        if sys.argv[1] == "mute":
            time.sleep(600)
        if sys.argv[1] != "idempotent":
            bad(sys.argv[1], None, None)
    for raw in sys.stdin.buffer:
        m = json.loads(raw)
        method, p = m.get("method"), m.get("params", {})
        if method is None:
            if "error" in m:
                sys.stderr.write("answer %s %s\n" % (m["id"], m["error"]["code"]))
            elif isinstance(m["result"], dict) and "ticket" in m["result"]:
                sys.stderr.write("stored %s duplicate=%s\n" % (m["id"], m["result"]["duplicate"]))
            elif isinstance(m["result"], dict) and "value" in m["result"]:
                sys.stderr.write("value %s\n" % m["result"]["value"])
            sys.stderr.flush()
        elif method == "draht.manifest":
            line(id=m["id"], result={"name": "hostile", "version": "1", "protocol": 1, "caps": ["attachments", "delivered"] + sys.argv[1:], "concurrency": 8, "options": [
                {"name": "colour", "type": "enum", "values": ["red", "blue"], "default": "red"}, {"name": "pin", "type": "string", "secret": True}]})
        elif method == "draht.init":
            settings, spool = p["settings"], p["spool"]
            sys.stderr.write("env %s colour %s pin %s fds %s\n" % (",".join(sorted(os.environ)), settings["colour"], settings["pin"], ",".join(sorted(os.listdir("/proc/self/fd"))[:3])))
            sys.stderr.flush()
            ask("http.route", {"methods": "POST", "path": "/in", "body_max": 100000, "headers": ["x-id"], "query": ["q"]})
            line(id=m["id"], result={})
        elif method == "http":
            number = p["headers"].get("x-id", "0")
            if p["query"].get("q") == "file":
                with open(os.path.join(spool, "in", "f.txt"), "w") as f:
                    f.write("content of a file\n")
                inbound(number, p["body"], attachments=[{"name": "Plan.txt", "file": "f.txt"}])
            elif p["query"].get("q") == "state":
                ask("state.set", {"key": "k", "value": p["body"]})
                ask("state.get", {"key": "k"})
            else:
                inbound(number, p["body"])
            line(id=m["id"], result={"status": 202, "body": "taken"})
        elif method == "send":
            if p["attachments"]:
                sys.stderr.write("file %s\n" % open(p["attachments"][0]["file"]).read().strip())
                sys.stderr.flush()
            if p.get("text", "").startswith("do: ") and (p["attempt"] == 1 or "idempotent" not in sys.argv):
                bad(p["text"][4:].split()[0], m, p)
            else:
                sent(m, p)
                ask("receipt", {"external_id": "x-" + p["message"], "state": "delivered"})
        elif method == "shutdown":
            line(id=m["id"], result={})
            return
        elif "id" in m:
            line(id=m["id"], result={})


main()
