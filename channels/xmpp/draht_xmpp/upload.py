# SPDX-License-Identifier: EUPL-1.2
"""Files of staff by HTTP upload (XEP-0363): the service is looked for, a slot asked for, the file put there."""
import http.client
import ipaddress
import ssl
import threading
import urllib.parse
from xml.sax.saxutils import quoteattr

from .names import *
from .stanza import clean

HEADERS = ("authorization", "cookie", "expires")


class Refused(Exception):
    """It did not work; verdict and sentence say why."""

    def __init__(self, verdict, sentence):
        super().__init__(sentence)
        self.verdict, self.sentence = verdict, sentence


def is_loopback(host):
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def find_size(info):
    """The service's limit in bytes, 0: none told."""
    for form in info.children:
        if form.tag == "x" and form.ns == NS_FORM:
            for field in form.children:
                value = field.text_of("value")
                if field.get("var") == "max-file-size" and value.isdigit():
                    return int(value)
    return 0


class Uploads:
    def __init__(self, link, settings):
        self.link, self.settings, self.service, self.size_max = link, settings, "", 0

    # ---- which service

    def discover(self, done):
        """done() once, when it is known whether there is one."""
        self.service, self.size_max = "", 0
        once = threading.Lock()

        def finished():
            if once.acquire(blocking=False):
                timer.cancel()
                done()
        timer = threading.Timer(DISCOVER_SECONDS, finished)
        timer.daemon = True
        timer.start()
        try:
            if self.settings["upload"]:
                self.probe([self.settings["upload"]], finished)
            else:
                self.link.ask(self.link.root, "<query xmlns='%s'/>" % NS_DISCO_ITEMS, lambda e: self.listed(e, finished))
        except OSError:
            finished()

    def listed(self, e, finished):
        query = e.find("query", NS_DISCO_ITEMS) if e is not None else None
        names = [item.get("jid") for item in query.children if item.get("jid")] if query is not None else []
        self.probe([self.link.root] + names[:CANDIDATES_MAX], finished)

    def probe(self, candidates, finished):
        if not candidates:
            finished()
            return

        def answered(e):
            info = e.find("query", NS_DISCO) if e is not None and e.get("type") == "result" else None
            if info is not None and any(f.get("var") == NS_UPLOAD for f in info.children):
                self.service, self.size_max = candidates[0], find_size(info)
                finished()
            else:
                self.probe(candidates[1:], finished)
        try:
            self.link.ask(candidates[0], "<query xmlns='%s'/>" % NS_DISCO, answered)
        except OSError:
            finished()

    # ---- one file

    def put(self, name, kind, length, path):
        """The address where everybody who knows it may fetch the file. Raises Refused. Waits: not for the reading thread."""
        if not self.service:
            raise Refused("rejected", "The XMPP server has no service for files.")
        if self.size_max and length > self.size_max:
            raise Refused("rejected", "A file is larger than the XMPP server takes (%d KB)." % (self.size_max // 1024))
        put, headers, get = self.slot(name, kind, length)
        self.transfer(put, {**headers, "Content-Type": kind, "Content-Length": str(length)}, path)
        return get

    def slot(self, name, kind, length):
        answer, came = [None], threading.Event()

        def done(e):
            answer[0] = e
            came.set()
        try:
            self.link.ask(self.service, "<request xmlns='%s' filename=%s size='%d' content-type=%s/>" % (
                NS_UPLOAD, quoteattr(clean(name)), length, quoteattr(clean(kind))), done)
        except OSError:
            raise Refused("retry", "No connection to the XMPP server.") from None
        came.wait(ANSWER_SECONDS)
        e = answer[0]
        if e is None:
            raise Refused("retry", "The service for files does not answer.")
        if e.get("type") == "error":
            error = e.find("error")
            is_passing = error is not None and error.get("type") == "wait"
            raise Refused("retry" if is_passing else "rejected", "The service for files refuses: %s." % (error.children[0].tag if error is not None and error.children else "error"))
        slot = e.find("slot", NS_UPLOAD)
        put, get = (slot.find("put"), slot.find("get")) if slot is not None else (None, None)
        if put is None or get is None:
            raise Refused("retry", "The answer of the service for files cannot be read.")
        headers = {h.get("name"): h.text for h in put.children if h.tag == "header" and h.get("name").lower() in HEADERS and "\n" not in h.text and "\r" not in h.text}
        return put.get("url"), headers, get.get("url")

    def transfer(self, url, headers, path):
        u = urllib.parse.urlsplit(url)
        if u.scheme == "https":
            connection = http.client.HTTPSConnection(u.hostname, u.port, timeout=PUT_SECONDS, context=ssl.create_default_context(cafile=self.settings["tls_ca"] or None))
        elif u.scheme == "http" and is_loopback(u.hostname):
            connection = http.client.HTTPConnection(u.hostname, u.port, timeout=PUT_SECONDS)
        else:
            raise Refused("misconfigured", "The service for files wants them without encryption.")
        try:
            with open(path, "rb") as f:
                connection.request("PUT", u.path + ("?" + u.query if u.query else ""), body=f, headers=headers)
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError):
            raise Refused("retry", "The service for files broke off.") from None
        finally:
            connection.close()
        if status == 413:
            raise Refused("rejected", "A file is larger than the XMPP server takes.")
        if not 200 <= status < 300:
            raise Refused("retry" if status >= 500 or status == 429 else "rejected", "The service for files answered %d." % status)
