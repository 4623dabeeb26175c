# SPDX-License-Identifier: EUPL-1.2
"""The connection as a client: STARTTLS, SCRAM, and stream management (XEP-0198), by which a connection that breaks is taken up
again: what the server did not acknowledge is sent once more, and we acknowledge only what is on disk."""
import base64
import collections
import ssl
from xml.sax.saxutils import escape, quoteattr

from .link import Link
from .names import *
from .scram import MECHANISMS, Scram
from .stanza import Broken, bare

RESOURCE = "draht"


class ClientLink(Link):
    name = NS_CLIENT

    def __init__(self, settings, office):
        super().__init__(settings, office)
        self.is_secure, self.is_known, self.next_step, self.scram = False, False, None, None
        self.forget()

    @property
    def root(self):
        return self.settings["domain"]

    @property
    def origin(self):
        return self.address

    # ---- stream management

    def forget(self):
        """A session that cannot be taken up again."""
        self.sm_id, self.is_counting, self.sent_n, self.taken_n = "", False, 0, 0
        self.waiting, self.unacked = collections.deque(), collections.deque()

    def send(self, text, done=None):
        """One stanza, or stanzas behind each other; the last one may have a done."""
        with self.lock:
            if not self.is_counting and not self.sm_id:
                if not self.is_up:
                    raise OSError("not connected")
                self.write(text)
                return
            if len(self.unacked) >= UNACKED_MAX:
                raise OSError("the server acknowledges nothing")
            self.sent_n += 1
            self.unacked.append((self.sent_n, text, done))
            if not self.is_counting or self.sock is None:  # it goes out when the session is taken up again
                return
            try:
                self.write(text + "<r xmlns='%s'/>" % NS_SM)
            except OSError:
                pass

    def ask(self, to, content, done, before=""):
        if before:
            self.send(before)
        super().ask(to, content, done)

    def prove(self, text, done):
        if self.is_counting or self.sm_id:
            self.send(text, done)
        else:
            self.send(text)
            self.ask(self.root, "<ping xmlns='%s'/>" % NS_PING, lambda e: done(e is not None))

    def unproved(self):
        return len(self.unacked) + len(self.asked)

    def acknowledged(self, h):
        """The server has the first h stanzas (a number modulo 2^32, which a session of ours does not reach)."""
        proved = []
        with self.lock:
            if not h.isdigit() or not int(h) <= self.sent_n:
                raise Broken("the server acknowledges what was never sent")
            while self.unacked and self.unacked[0][0] <= int(h):
                proved.append(self.unacked.popleft()[2])
        for done in proved:
            if done:
                done(True)

    def counted(self, e):
        """A stanza of the server, acknowledged when it and all before it are dealt with."""
        entry = [False]
        with self.lock:
            self.waiting.append(entry)

        def handled():
            with self.lock:
                entry[0], before = True, self.taken_n
                while self.waiting and self.waiting[0][0]:
                    self.waiting.popleft()
                    self.taken_n += 1
                if self.taken_n != before and self.sock is not None and self.is_up:
                    try:
                        self.write(self.ack())
                    except OSError:
                        pass
        self.common(e, handled)

    def ack(self):
        return "<a xmlns='%s' h='%d'/>" % (NS_SM, self.taken_n)

    def drop(self):
        super().drop()
        self.is_counting = False
        self.is_known = self.is_secure = False
        self.waiting = collections.deque()
        if not self.sm_id:
            self.give_up()

    def give_up(self):
        """What was not acknowledged in a session that is gone: nobody knows."""
        lost = [done for _, _, done in self.unacked if done]
        self.forget()
        for done in lost:
            done(False)

    # ---- the way in: features, TLS, password, session

    def begin(self):
        self.next_step, self.is_counting = None, False
        super().begin()

    def opened(self, attrs):
        pass

    def after_feed(self):
        step, self.next_step = self.next_step, None
        if step:
            step()

    def secure(self):
        context = ssl.create_default_context(cafile=self.settings["tls_ca"] or None)
        with self.lock:
            self.sock.settimeout(CONNECT_SECONDS)
            self.sock = context.wrap_socket(self.sock, server_hostname=self.settings["domain"])
        self.is_secure = True
        self.begin()

    def stanza(self, e):
        if self.next_step:
            raise Broken("the server spoke before it was its turn")
        if e.ns == NS_STREAM and e.tag == "features":
            self.features(e)
        elif e.ns == NS_TLS:
            if e.tag != "proceed":
                raise Broken("the server refuses TLS")
            self.next_step = self.secure
        elif e.ns == NS_SASL:
            self.sasl(e)
        elif e.ns == NS_SM:
            self.managed(e)
        elif e.tag == "iq" and e.get("id") == "draht-bind":
            self.bound(e)
        elif e.tag in ("message", "presence", "iq") and self.is_counting:
            self.counted(e)
        else:
            self.common(e, lambda: None)

    def features(self, e):
        if not self.is_secure and self.settings["tls"] == "required":
            if e.find("starttls", NS_TLS) is None:
                raise Broken("the server offers no TLS (tls: none is for a server on the same machine)")
            self.raw("<starttls xmlns='%s'/>" % NS_TLS)
        elif not self.is_known:
            self.login(e.find("mechanisms", NS_SASL))
        elif self.sm_id and e.find("sm", NS_SM) is not None:
            self.raw("<resume xmlns='%s' h='%d' previd=%s/>" % (NS_SM, self.taken_n, quoteattr(self.sm_id)))
        else:
            self.bind(e.find("sm", NS_SM) is not None)

    def login(self, offered):
        names = [m.text for m in offered.children] if offered is not None else []
        found = next((m for m in MECHANISMS if m[0] in names), None)
        if not found:
            raise Broken("the server offers no SCRAM")
        self.scram = Scram(found[1], self.settings["local"], self.settings["secret"])
        self.raw("<auth xmlns='%s' mechanism='%s'>%s</auth>" % (NS_SASL, found[0], base64.b64encode(self.scram.first()).decode("ascii")))

    def sasl(self, e):
        try:
            data = base64.b64decode(e.text, validate=True)
        except ValueError as broken:
            raise Broken("the server's answer cannot be read") from broken
        if e.tag == "challenge" and self.scram and not self.scram.signature:
            self.raw("<response xmlns='%s'>%s</response>" % (NS_SASL, base64.b64encode(self.scram.final(data)).decode("ascii")))
        elif e.tag == "success" and self.scram:
            self.scram.check(data)
            self.is_known, self.scram = True, None
            self.next_step = self.begin
        else:
            raise Broken("the server refused the login (%s)" % (e.children[0].tag if e.children else e.tag))

    def bind(self, has_sm):
        self.give_up()
        self.has_sm = has_sm
        self.raw("<iq type='set' id='draht-bind'><bind xmlns='%s'><resource>%s</resource></bind></iq>" % (NS_BIND, escape(RESOURCE)))

    def bound(self, e):
        found = e.find("bind", NS_BIND)
        if e.get("type") != "result" or found is None or bare(found.text_of("jid")) != self.address.lower():
            raise Broken("the server gave us another address")
        if self.has_sm:
            self.raw("<enable xmlns='%s' resume='true'/>" % NS_SM)
            with self.lock:
                self.is_counting = True
        else:
            self.present()

    def present(self):
        self.ready()
        self.say("<presence/>")

    def managed(self, e):
        if e.tag == "a":
            self.acknowledged(e.get("h"))
        elif e.tag == "r":
            with self.lock:
                self.write(self.ack())
        elif e.tag == "enabled":
            self.sm_id = e.get("id") if e.get("resume") in ("true", "1") else ""
            self.present()
        elif e.tag == "resumed":
            self.resumed(e)
        elif e.tag == "failed" and self.is_up is False and self.sm_id:
            if e.get("h"):
                self.acknowledged(e.get("h"))
            self.bind(True)
        else:
            with self.lock:
                self.is_counting = False
            self.sm_id = ""
            self.present()

    def resumed(self, e):
        self.acknowledged(e.get("h"))
        with self.lock:
            self.is_counting = True
            for _, text, _ in self.unacked:
                self.write(text)
            self.write("<r xmlns='%s'/>" % NS_SM)
        self.ready()

    def ping(self):
        if self.is_counting:
            with self.lock:
                self.write("<r xmlns='%s'/>" % NS_SM)
        else:
            self.ask(self.root, "<ping xmlns='%s'/>" % NS_PING, lambda e: None)
