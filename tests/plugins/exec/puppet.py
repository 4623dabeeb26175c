#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""A channel program that does what its route /do is told: it asks Draht the given method and answers with what Draht said. /seen tells what came by itself."""
import json
import os
import sys
import time

out = sys.stdout.buffer
waiting = {}  # our ids -> their http request
seen = []
slow = {"silent": False}
last = 0
init = {}


def line(**o):
    out.write((json.dumps({"jsonrpc": "2.0", **o}) + "\n").encode())
    out.flush()


def short(o):
    """Long bodies by their length alone."""
    if isinstance(o, dict) and len(o.get("body", "")) > 1000:
        return {**o, "body": "", "length": len(o["body"])}
    return o


def on_http(m, p):
    global last
    if p["path"] == "/seen":
        line(id=m["id"], result={"type": "application/json", "body": json.dumps(seen)})
        return
    if p["path"] == "/sink":
        line(id=m["id"], result={})
        return
    o = json.loads(p["body"])
    if o["method"] == "die":
        os._exit(3)
    if o["method"] == "silent":
        slow["silent"] = o["params"]["silent"]
        line(id=m["id"], result={})
        return
    if o["method"] == "deaf":
        line(id=m["id"], result={})
        time.sleep(600)
    if o["method"] == "write":
        with open(os.path.join(init["spool"], "in", o["params"]["name"]), "wb") as f:
            f.write(b"f" * o["params"]["length"])
        line(id=m["id"], result={})
        return
    if o["method"] == "read":
        with open(o["params"]["file"], "rb") as f:
            content = f.read()
        line(id=m["id"], result={"body": "%d %s" % (len(content), content[:40].decode())})
        return
    if "fill" in o:
        o["params"][o["fill"][0]] = "x" * o["fill"][1]
    last += 1
    if o.get("background"):
        line(id=m["id"], result={})
    else:
        waiting[last] = m["id"]
    line(id=last, method=o["method"], params=o["params"])


def main():
    global last, init
    for raw in sys.stdin.buffer:
        m = json.loads(raw)
        method, p = m.get("method"), m.get("params", {})
        if method is None:
            answer = {k: short(m[k]) for k in ("result", "error") if k in m}
            if m["id"] in waiting:
                line(id=waiting.pop(m["id"]), result={"type": "application/json", "body": json.dumps(answer)})
            else:
                seen.append({"answer": answer})
        elif method == "draht.manifest":
            line(id=m["id"], result={"name": "puppet", "version": "1", "protocol": 1, "caps": ["history"], "options": [{"name": "peer", "type": "string"}]})
        elif method == "draht.init":
            init = p
            for path in ("/do", "/seen", "/sink"):
                last += 1
                line(id=last, method="http.route", params={"methods": "GET POST", "path": path, "body_max": 262144})
            if "lease" in sys.argv:
                last += 1
                line(id=last, method="lease", params={"name": "poll"})
            line(id=m["id"], result={})
        elif method == "http":
            on_http(m, p)
        elif method == "send":
            seen.append({"send": p})
            line(id=m["id"], result={"verdict": "sent", "external_id": "x-" + p["message"]})
        else:
            if method != "health":
                seen.append({method: short(p)})
            if "id" in m and not (method in ("http.chunk", "socket.text") and slow["silent"]):
                line(id=m["id"], result={})
            if method == "shutdown":
                return


main()
