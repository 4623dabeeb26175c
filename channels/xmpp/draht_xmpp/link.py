# SPDX-License-Identifier: EUPL-1.2
"""The connection to the server: opens it again and again, reads, writes, asks. Here as a component (XEP-0114)."""
import hashlib
import random
import secrets
import select
import socket
import ssl
import threading
import time
from xml.sax.saxutils import quoteattr

from .names import *
from .stanza import Broken, Stream


class Link:
    """office.stanza(element, handled) gets what comes; handled() is called when it is dealt with for good."""

    name = NS_COMPONENT

    def __init__(self, settings, office):
        self.settings, self.office = settings, office
        self.sock, self.stream, self.lock, self.is_up, self.is_ending = None, None, threading.Lock(), False, False
        self.may_run = threading.Event()
        self.asked = {}  # id of a request -> what to do with the answer, or with None

    @property
    def address(self):
        return "%s@%s" % (self.settings["local"], self.settings["domain"])

    @property
    def root(self):
        """Who knows the services: the server that the component belongs to."""
        return self.settings["domain"].split(".", 1)[-1]

    # ---- writing

    def write(self, text):
        """With the lock held."""
        if self.sock is None:
            raise OSError("not connected")
        self.sock.settimeout(WRITE_SECONDS)
        self.sock.sendall(text.encode("utf-8"))

    def raw(self, text):
        """What opens and closes a stream."""
        with self.lock:
            self.write(text)

    def send(self, text):
        with self.lock:
            if not self.is_up:
                raise OSError("not connected")
            self.write(text)

    def say(self, text):
        try:
            self.send(text)
        except OSError:
            pass

    def ask(self, to, content, done, before=""):
        """done(answer or None) comes once, on the reading thread. before: a stanza that goes out first, in the same breath."""
        number = "draht-" + secrets.token_hex(8)
        request = "<iq type='get' id='%s' from=%s to=%s>%s</iq>" % (number, quoteattr(self.origin), quoteattr(to), content)
        with self.lock:
            self.asked[number] = done
        try:
            self.send(before + request)
        except OSError:
            with self.lock:
                self.asked.pop(number, None)
            raise

    @property
    def origin(self):
        """From whom requests come."""
        return self.settings["domain"]

    def answered(self, e):
        """Whether e was the answer to a request of ours, or a question to ourselves that came back."""
        if e.tag != "iq":
            return False
        is_answer = e.get("type") in ("result", "error")
        with self.lock:
            done = self.asked.pop(e.get("id"), None) if is_answer or e.get("from") == self.origin else None
        if done:
            done(e)
        return is_answer or done is not None

    def prove(self, text, done):
        """Sends text and a question to ourselves behind it. The server works in order (RFC 6120, 10.1): when it brings the
        question back it has taken the text as well. done(whether it did) may come on either thread, once."""
        self.ask(self.origin, "<ping xmlns='%s'/>" % NS_PING, lambda e: done(e is not None), before=text)

    def unproved(self):
        return len(self.asked)

    # ---- life

    def run(self):
        """Connects for ever, with a growing, jittered pause."""
        pause = 1.0
        while not self.is_ending:
            self.may_run.wait()
            began = time.monotonic()
            try:
                self.session()
            except (OSError, ValueError, Broken) as e:
                self.down("No connection to the XMPP server: %s" % self.words(e))
            self.drop()
            pause = 1.0 if time.monotonic() - began > 60 else min(pause * 2, BACKOFF_MAX_SECONDS)
            time.sleep(pause * random.uniform(0.5, 1.0))

    @staticmethod
    def words(e):
        if isinstance(e, Broken):
            return str(e)
        if isinstance(e, ssl.SSLError):
            return "its certificate is not valid (%s)" % (getattr(e, "verify_message", "") or e.reason)
        return getattr(e, "strerror", "") or "it ended"

    def down(self, sentence):
        self.is_up = False
        self.office.down(sentence)

    def drop(self):
        self.is_up = False
        with self.lock:
            if self.sock is not None:
                self.sock.close()
            self.sock = None
            lost, self.asked = self.asked, {}
        for done in lost.values():
            done(None)

    def cut(self):
        """Ends the connection from another thread; the reading one notices."""
        with self.lock:
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)

    def session(self):
        s = self.settings
        sock = socket.create_connection((s["host"], s["port"]), CONNECT_SECONDS)
        with self.lock:
            self.sock = sock
        self.begin()
        idle = 0
        while self.may_run.is_set():
            data = self.read()
            if data is None:
                idle += 1
                if idle > 1 or not self.is_up:
                    raise Broken("the server is silent")
                self.ping()
                continue
            if not data:
                raise Broken("the server closed the connection")
            idle = 0
            self.stream.feed(data)
            self.after_feed()

    def read(self):
        """Bytes; none at the end; None when nothing came for a while. One thread at a time uses a TLS connection."""
        end = time.monotonic() + PING_SECONDS
        while True:
            waiting = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending()
            if not waiting and not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                return None
            with self.lock:
                self.sock.settimeout(0)
                try:
                    return self.sock.recv(65536)
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError):
                    pass

    def begin(self):
        """A stream, or the next one on the same connection."""
        self.stream = Stream(self.opened, self.stanza, is_tolerant=True)
        self.raw("<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' to=%s version='1.0'>" % (self.name, NS_STREAM, quoteattr(self.settings["domain"])))

    def after_feed(self):
        pass

    def ping(self):
        self.ask(self.origin, "<ping xmlns='%s'/>" % NS_PING, lambda e: None)

    def finish(self):
        """At the end: replies that the server is just taking get their proof, if it comes soon."""
        self.is_ending, end = True, time.monotonic() + FINISH_SECONDS
        while self.is_up and self.unproved() and time.monotonic() < end:
            time.sleep(0.01)
        try:
            self.raw("</stream:stream>")
        except OSError:
            pass

    def ready(self):
        self.is_up = True
        self.office.connected()

    # ---- what comes

    def opened(self, attrs):
        digest = hashlib.sha1((attrs.get("id", "") + self.settings["secret"]).encode("utf-8")).hexdigest()
        self.raw("<handshake>%s</handshake>" % digest)

    def stanza(self, e):
        if e.tag == "handshake":
            self.ready()
        else:
            self.common(e, lambda: None)

    def common(self, e, handled):
        if e.tag == "error" and e.ns == NS_STREAM:
            raise Broken("the server refused us (%s)" % (e.children[0].tag if e.children else "error"))
        if self.answered(e):
            handled()
        else:
            self.office.stanza(e, handled)
