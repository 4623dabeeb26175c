#!/usr/bin/env python3
# SPDX-License-Identifier: EUPL-1.2
"""pigeon: a channel for a provider that speaks JSON over HTTP. The provider posts messages to /channels/<id>/in and
reports to /channels/<id>/report; replies are posted to the setting "url". Draht speaks with this program over its
standard input and output, one JSON object a line (docs/channel-wire.md). Nothing else may be printed there: use log().
"""
import hmac
import json
import sys

ID_CHARS_MAX = 200
TEXT_CHARS_MAX = 20000
SECRET_CHARS_MIN = 8

MANIFEST = {
    "name": "pigeon", "version": "1.0", "protocol": 1,
    "caps": ["idempotent", "delivered", "read"], "concurrency": 4,
    "options": [
        {"name": "url", "type": "string", "required": True, "help": "Where replies are posted: http:// or https://."},
        {"name": "secret", "type": "string", "required": True, "secret": True,
         "help": "Bearer token that the provider sends to us and we send to the provider; 8 characters or more."},
    ],
}


class Refused(Exception):
    """A request of Draht that gets an error: code and sentence."""


class Wire:
    """Lines out, and who waits for an answer."""

    def __init__(self):
        self.waiting = {}
        self.last_id = 0

    def write(self, **line):
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **line}, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def call(self, method, params, then):
        """Asks Draht; then(result, error) is called with its answer, later. One of both is None."""
        self.last_id += 1
        self.waiting[self.last_id] = then
        self.write(id=self.last_id, method=method, params=params)

    def tell(self, method, params):
        self.write(method=method, params=params)

    def answered(self, line):
        then = self.waiting.pop(line.get("id"), None)
        if then:
            then(line.get("result"), line.get("error"))


wire = Wire()


def log(text):
    """A line in the channel's log. Never a message, an address or a secret."""
    print(text, file=sys.stderr, flush=True)


def text_of(obj, key, longest=ID_CHARS_MAX):
    value = obj.get(key)
    if not isinstance(value, str) or len(value) > longest:
        return ""
    return value.encode("utf-8", "ignore").decode()  # JSON may hold halves of characters


def clean(text):
    """Without control characters; line breaks stay."""
    return "".join(c for c in text if c >= " " or c in "\n\t")


class Channel:
    def __init__(self, settings):
        self.url, self.secret = settings["url"], settings["secret"]
        if not self.url.startswith(("http://", "https://")):
            raise Refused(-32602, "url: does not begin with http:// or https://.")
        if len(self.secret) < SECRET_CHARS_MIN:
            raise Refused(-32602, f"secret: needs {SECRET_CHARS_MIN} characters or more.")
        self.under_way = 0
        self.stopped = None

    def begin(self):
        self.under_way += 1

    def end(self):
        self.under_way -= 1
        if self.stopped and not self.under_way:
            self.stopped({})

    # ---- a message comes in

    def http(self, request, respond):
        given = request.get("headers", {}).get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.secret}".encode()):
            return respond({"status": 401, "body": "wrong token"})
        try:
            body = json.loads(request.get("body", ""))
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return respond({"status": 400, "body": "the body is one JSON object"})
        if request["path"].endswith("/report"):
            return self.report(body, respond)
        return self.take_in(body, respond)

    def take_in(self, body, respond):
        number, sender = text_of(body, "id"), text_of(body, "from")
        if not number or not sender:
            return respond({"status": 400, "body": "id and from are needed"})

        def stored(result, error):
            # Only now the provider gets its yes: before, the message would be lost when we crash.
            if result is not None:
                respond({"status": 200, "body": "stored"})
            elif error.get("code") == -32002:
                respond({"status": 422, "body": "this message is not accepted"})
            else:
                respond({"status": 503, "body": "try again later"})
            self.end()

        self.begin()
        wire.call("inbound", {"external_id": number, "sender": sender, "thread": sender,
                              "sender_name": clean(text_of(body, "name")),
                              "text": clean(text_of(body, "text", TEXT_CHARS_MAX))}, stored)

    def report(self, body, respond):
        """What became of a reply: id is the provider's, state is delivered, read or failed."""
        number, state = text_of(body, "id"), text_of(body, "state")
        if not number or state not in ("delivered", "read", "failed"):
            return respond({"status": 400, "body": "id and state are needed"})
        wire.tell("receipt", {"external_id": number, "state": state, "reason": clean(text_of(body, "reason"))})
        return respond({"status": 200, "body": "noted"})

    # ---- a reply goes out

    def send(self, message, respond):
        def answered(result, error):
            respond(self.verdict(result, error))
            self.end()

        body = {"message": message["message"], "to": message.get("recipient", ""), "text": message.get("text", "")}
        self.begin()
        wire.call("http.request", {"method": "POST", "url": self.url, "body": json.dumps(body, ensure_ascii=False),
                                   "headers": {"content-type": "application/json",
                                               "authorization": f"Bearer {self.secret}"}}, answered)

    @staticmethod
    def verdict(result, error):
        """The message id went along, so the provider knows a repetition: the cap "idempotent". A provider that does
        not look at it needs the verdict "in_doubt" for an error, and that cap taken away."""
        status = result["status"] if result else 0
        if error or status == 429 or status >= 500:
            rest = (result or {}).get("retry_after_ms", -1)
            again = {"verdict": "retry", "reason": "The provider cannot take it right now."}
            return {**again, "retry_ms": rest} if rest > 0 else again
        try:
            said = json.loads(result.get("body", ""))
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        if status // 100 == 2:
            return {"verdict": "sent", "external_id": text_of(said, "id")}
        if status in (401, 403):
            return {"verdict": "misconfigured", "reason": "The provider refuses our token."}
        return {"verdict": "rejected", "reason": text_of(said, "error") or "The provider refused the message."}

    def shutdown(self, respond):
        """What is under way may finish; then the program ends."""
        def done(result):
            respond(result)
            sys.exit(0)

        self.stopped = done
        if not self.under_way:
            done({})


def serve(channel, line):
    """One request of Draht. Returns the channel once it is made."""
    method, params, number = line.get("method"), line.get("params", {}), line.get("id")

    def respond(result):
        if number is not None:
            wire.write(id=number, result=result)

    if method == "draht.manifest":
        respond(MANIFEST)
    elif method == "draht.init":
        channel = Channel(params["settings"])
        for path in ("/in", "/report"):
            wire.tell("http.route", {"methods": "POST", "path": path, "body_max": 65536, "headers": ["authorization"]})
        respond({})  # ready: its routes are there
    elif method == "http":
        channel.http(params, respond)
    elif method == "send":
        channel.send(params, respond)
    elif method == "shutdown":
        channel.shutdown(respond) if channel else sys.exit(0)
    elif number is not None:
        raise Refused(-32601, "no such method")
    return channel


def main():
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    channel = None
    for text in sys.stdin:
        line = json.loads(text)
        if "method" not in line:
            wire.answered(line)
            continue
        try:
            channel = serve(channel, line)
        except Refused as refused:
            code, sentence = refused.args
            wire.write(id=line.get("id"), error={"code": code, "message": sentence})


if __name__ == "__main__":
    main()
