# SPDX-License-Identifier: EUPL-1.2
"""What stanzas mean for Draht, and replies as stanzas; the same for both kinds of connection."""
import threading
import time
from xml.sax.saxutils import escape, quoteattr

from .names import *
from .stanza import bare, clean, read_message
from .upload import Refused, Uploads
from .wire import log

DOUBT = {"verdict": "in_doubt", "reason": "The connection broke while the message went out."}
CAPS_WITHOUT_FILES = [c for c in MANIFEST["caps"] if c != "attachments"]


class Office:
    def __init__(self, wire, settings, patience):
        self.wire, self.settings, self.patience = wire, settings, patience
        self.states, self.sent, self.backlog = {}, {}, 0
        self.lock = threading.Lock()
        self.link = self.uploads = None

    def bind(self, link):
        self.link, self.uploads = link, Uploads(link, self.settings)

    # ---- up and down

    def connected(self):
        local, domain = self.link.address.split("@", 1)
        log("connected to %s as %s" % (domain, local))
        self.uploads.discover(self.ready)

    def ready(self):
        """What can be done is said before that we are up."""
        u = self.uploads
        self.wire.tell("offer", caps=MANIFEST["caps"] if u.service else CAPS_WITHOUT_FILES)
        self.wire.tell("files", kinds=[{"types": "*", "bytes_max": u.size_max}] if u.size_max else [])
        if not self.link.is_up:
            return
        size = " of at most %d KB" % (u.size_max // 1024) if u.size_max else ""
        self.wire.tell("health", up=True, sentence="Files%s go by %s." % (size, u.service) if u.service else "")

    def down(self, sentence):
        self.wire.tell("health", up=False, sentence=sentence)

    # ---- what comes

    def stanza(self, e, handled):
        """handled() once, when the server may forget it."""
        if e.is_beyond:
            if e.tag == "message" and e.get("type") != "error":
                self.refuse(e)
        elif e.tag == "message":
            self.message(e, handled)
            return
        elif e.tag == "presence":
            self.presence(e)
        elif e.tag == "iq":
            self.iq(e)
        handled()

    def reply(self, e, tag, kind, content=""):
        self.link.say("<%s type='%s' from=%s to=%s id=%s>%s</%s>" % (tag, kind, quoteattr(e.get("to") or self.link.address), quoteattr(e.get("from")), quoteattr(e.get("id")), content, tag))

    def refuse(self, e):
        self.reply(e, "message", "error", "<error type='modify'><not-acceptable xmlns='%s'/></error>" % NS_STANZAS)

    def presence(self, e):
        if e.get("type") == "subscribe":
            self.reply(e, "presence", "subscribed")
        if e.get("type") in ("subscribe", "probe"):
            self.link.say("<presence from=%s to=%s/>" % (quoteattr(bare(e.get("to"))), quoteattr(e.get("from"))))

    def iq(self, e):
        if e.get("type") not in ("get", "set"):
            return
        child = e.children[0] if e.children else None
        ns = child.ns if child is not None and e.get("type") == "get" else ""
        if ns == NS_DISCO:
            self.reply(e, "iq", "result", "<query xmlns='%s'><identity category='client' type='bot' name='Draht'/>%s</query>" % (
                NS_DISCO, "".join("<feature var='%s'/>" % f for f in FEATURES)))
        elif ns == NS_DISCO_ITEMS:
            self.reply(e, "iq", "result", "<query xmlns='%s'/>" % NS_DISCO_ITEMS)
        elif ns == NS_VERSION:
            self.reply(e, "iq", "result", "<query xmlns='%s'><name>Draht</name><version>%s</version></query>" % (NS_VERSION, VERSION))
        elif ns == NS_PING:
            self.reply(e, "iq", "result")
        else:
            self.reply(e, "iq", "error", "<error type='cancel'><service-unavailable xmlns='%s'/></error>" % NS_STANZAS)

    def message(self, e, handled):
        m = read_message(e, self.settings["domain"])
        if m["kind"] == "message" and m["sender"] != self.link.address.lower():
            self.inbound(e, m, handled)
            return
        if m["kind"] == "receipt":
            self.receipt(m)
        elif m["kind"] == "typing":
            self.wire.tell("typing", thread=m["thread"], typing=m["typing"])
        elif m.get("decline"):
            self.reply(e, "message", "error", "<error type='cancel'><not-allowed xmlns='%s'/></error>" % NS_STANZAS)
        handled()

    def receipt(self, m):
        """Only whom we wrote to may say what became of it; remembered for a week, also over a restart."""
        params = {k: m[k] for k in m if k not in ("kind", "sender")}

        def known(result, error):
            if not error and result.get("value") == m["sender"]:
                self.wire.ask("receipt", params, lambda result, error: None)
        to = self.sent.get(m["external_id"])
        if to:
            known({"value": to}, None)
        elif m["external_id"].startswith("draht-") and len(m["external_id"]) <= 100:
            self.wire.ask("state.get", {"key": "sent." + m["external_id"]}, known)

    def inbound(self, e, m, handled):
        """With too much under way we stop reading: a component has no other flow control than the socket's own."""
        while self.backlog >= PENDING_MAX and not self.link.is_ending:
            time.sleep(0.05)
        with self.lock:
            self.backlog += 1
        self.states[m["sender"]] = e.get("from")
        while len(self.states) > RECEIPTS_MAX:
            self.states.pop(next(iter(self.states)))
        params = {k: m[k] for k in m if k not in ("kind", "secret", "wants_receipt")}
        self.deliver(e, m, params, 0.5, handled)

    def deliver(self, e, m, params, pause, handled):
        def done(result, error):
            if error and error.get("code") == -32001:
                timer = threading.Timer(pause, self.deliver, (e, m, params, min(pause * 2, 30), handled))
                timer.daemon = True
                timer.start()
                return
            with self.lock:
                self.backlog -= 1
            if error:
                self.refuse(e)
            else:
                self.stored(e, m, result)
            handled()
        self.wire.ask("inbound", params, done)

    def stored(self, e, m, result):
        us, them = quoteattr(self.link.address), quoteattr(e.get("from"))
        if m.get("wants_receipt"):
            self.link.say("<message from=%s to=%s id=%s><received xmlns='%s' id=%s/></message>" % (
                us, them, quoteattr("r-" + m["wants_receipt"]), NS_RECEIPTS, quoteattr(m["wants_receipt"])))
        if m.get("secret") and not result.get("duplicate") and self.settings["omemo_notice"]:
            self.link.say("<message type='chat' from=%s to=%s><body>%s</body></message>" % (us, them, escape(clean(self.settings["omemo_notice"]))))

    # ---- replies

    def out(self, p, answer):
        """answer(verdict) once. Sent when the server has taken it; what fails later comes back as an error stanza."""
        to = p.get("recipient") or p.get("thread", "")
        if "@" not in to:
            answer({"verdict": "rejected", "reason": "This is not an XMPP address."})
        elif not self.link.is_up:
            answer({"verdict": "retry", "reason": "No connection to the XMPP server."})
        elif p.get("attachments"):
            threading.Thread(target=self.out_parts, args=(p, to, answer), daemon=True).start()
        else:
            number = "draht-" + p["message"]
            self.post(to, number, self.words(p), lambda taken: answer({"verdict": "sent", "external_id": number} if taken else DOUBT))

    def words(self, p):
        subject = "<subject>%s</subject>" % escape(clean(p["subject"])) if p.get("subject") else ""
        return "%s<body>%s</body>" % (subject, escape(clean(p.get("text", ""))))

    def post(self, to, number, content, done):
        nick = "<nick xmlns='%s'>%s</nick>" % (NS_NICK, escape(clean(self.settings["nick"]))) if self.settings["nick"] else ""
        text = "<message type='chat' from=%s to=%s id=%s>%s%s<origin-id xmlns='%s' id=%s/><request xmlns='%s'/><active xmlns='%s'/><markable xmlns='%s'/></message>" % (
            quoteattr(self.link.address), quoteattr(to), quoteattr(number), content, nick, NS_SID, quoteattr(number), NS_RECEIPTS, NS_STATES, NS_MARKERS)
        with self.lock:
            if len(self.sent) >= RECEIPTS_MAX:
                self.sent.pop(next(iter(self.sent)))
            self.sent[number] = bare(to)
        self.wire.ask("state.set", {"key": "sent." + number, "value": bare(to), "ttl_ms": RECEIPT_MS}, lambda result, error: None)
        try:
            self.link.prove(text, done)
        except OSError:
            done(False)

    def out_parts(self, p, to, answer):
        """The text, then each file: uploaded, then its address sent (XEP-0066)."""
        parts = ([None] if p.get("text", "").strip() else []) + p["attachments"]
        for i in range(p.get("part", 0), len(parts)):
            number = "draht-%s.p%d" % (p["message"], i)
            try:
                content = self.words(p) if parts[i] is None else self.linked(parts[i])
            except Refused as fault:
                answer({"verdict": fault.verdict, "reason": fault.sentence})
                return
            if not self.post_and_wait(to, number, content):
                answer(DOUBT)
                return
            self.wire.tell("part", message=p["message"], part=i, external_id=number)
        answer({"verdict": "sent"})

    def linked(self, file):
        url = escape(clean(self.uploads.put(file["name"], file.get("type") or "application/octet-stream", file["length"], file["file"])))
        return "<body>%s</body><x xmlns='%s'><url>%s</url></x>" % (url, NS_OOB, url)

    def post_and_wait(self, to, number, content):
        is_taken, came = [False], threading.Event()

        def done(taken):
            is_taken[0] = taken
            came.set()
        self.post(to, number, content, done)
        came.wait(self.patience)
        return is_taken[0]

    def typing(self, p):
        state, thread = "composing" if p.get("typing") else "paused", p.get("thread", "")
        self.link.say("<message type='chat' from=%s to=%s><%s xmlns='%s'/></message>" % (
            quoteattr(self.link.address), quoteattr(self.states.get(thread, thread)), state, NS_STATES))
