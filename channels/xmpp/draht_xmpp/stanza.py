# SPDX-License-Identifier: EUPL-1.2
"""Bytes become stanzas within limits, and message stanzas what intake would see."""
import hashlib
import json
import sys
import time
import xml.sax
import xml.sax.handler
from datetime import datetime

from .names import *


class Broken(Exception):
    """The peer broke the stream; the sentence says how."""


class Element:
    def __init__(self, name, attrs):
        self.ns, self.tag = name
        self.attrs, self.children, self.text, self.is_beyond = attrs, [], "", False

    def get(self, name, fallback=""):
        return self.attrs.get(name, fallback)

    def find(self, tag, *namespaces):
        for child in self.children:
            if child.tag == tag and (not namespaces or child.ns in namespaces):
                return child
        return None

    def text_of(self, tag):
        child = self.find(tag)
        return child.text if child is not None else ""


class Stream(xml.sax.handler.ContentHandler):
    """Feeds bytes, hands over whole stanzas. Entities and document types are refused. A stanza that is too large or too deep
    ends the stream, or, when it is tolerant, comes without its content: one correspondent's stanza must not cut off all others."""

    def __init__(self, on_open, on_stanza, is_tolerant=False):
        super().__init__()
        self.on_open, self.on_stanza = on_open, on_stanza
        self.stack, self.depth, self.size, self.is_tolerant, self.is_beyond = [], 0, 0, is_tolerant, False
        self.parser = xml.sax.make_parser(["xml.sax.expatreader"])
        self.parser.setFeature(xml.sax.handler.feature_namespaces, True)
        self.parser.setFeature(xml.sax.handler.feature_external_ges, False)
        self.parser.setFeature(xml.sax.handler.feature_external_pes, False)
        self.parser.setContentHandler(self)
        self.parser.setProperty(xml.sax.handler.property_lexical_handler, self)

    def feed(self, data):
        self.size += len(data)
        if self.size > STANZA_BYTES_MAX:
            self.beyond("a stanza is too large")
        if self.size > SKIPPED_BYTES_MAX:
            raise Broken("a stanza has no end")
        try:
            self.parser.feed(data)
        except xml.sax.SAXException as e:
            raise Broken("the stream is not well-formed") from e

    def beyond(self, sentence):
        if not self.is_tolerant:
            raise Broken(sentence)
        self.is_beyond = True
        for element in self.stack:
            element.children, element.text = [], ""

    def startDTD(self, *_):
        raise Broken("a document type in the stream")

    def endDTD(self):
        pass

    def comment(self, _):
        raise Broken("a comment in the stream")

    def startCDATA(self):
        pass

    def endCDATA(self):
        pass

    def startElementNS(self, name, qname, attrs):
        self.depth += 1
        if self.depth > DEPTH_MAX:
            self.beyond("a stanza is nested too deeply")
        plain = {key[1]: attrs.getValue(key) for key in attrs.keys()}
        if self.depth == 1:
            self.on_open(plain)
            return
        element = Element(name, plain)
        if self.is_beyond and self.stack:
            return
        if self.stack:
            self.stack[-1].children.append(element)
        self.stack.append(element)

    def endElementNS(self, name, qname):
        self.depth -= 1
        if self.depth == 0:
            raise Broken("the server closed the stream")
        if self.is_beyond and self.depth > 1:
            return
        element = self.stack[0] if self.is_beyond else self.stack.pop()
        if self.depth == 1:
            element.is_beyond, self.is_beyond, self.size, self.stack = self.is_beyond, False, 0, []
            self.on_stanza(element)

    def characters(self, content):
        if self.stack and not self.is_beyond:
            self.stack[-1].text += content


def clean(text):
    """Text that XML 1.0 may hold."""
    return "".join(c for c in text if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff")


def bare(jid):
    return jid.split("/", 1)[0].lower()


def time_ms(stamp):
    try:
        return int(datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp() * 1000)
    except ValueError:
        return 0


def stanza_id(m, domain):
    """What the stanza is deduplicated by: our server's id, the sender's origin id, or its id."""
    for child in m.children:
        if child.tag == "stanza-id" and child.ns == NS_SID and child.get("id"):
            by = bare(child.get("by"))
            if domain and (by == domain or by.endswith("@" + domain)):
                return child.get("id")
    origin = m.find("origin-id", NS_SID)
    if origin is not None and origin.get("id"):
        return origin.get("id")
    return m.get("id") or hashlib.sha256((m.get("from") + m.text_of("body") + str(time.time())).encode()).hexdigest()[:32]


def read_message(m, domain):
    """A message stanza as {"kind": ...}; the same for the network and for --normalize."""
    sender, kind = bare(m.get("from")), m.get("type", "normal")
    if kind == "error":
        error = m.find("error")
        condition = next((c.tag for c in error.children if c.ns == NS_STANZAS), "") if error is not None else ""
        temporary = error is not None and error.get("type") == "wait"
        if not m.get("id"):
            return {"kind": "ignored", "why": "error without an id"}
        return {"kind": "receipt", "external_id": m.get("id"), "state": "failed", "permanent": not temporary,
                "sender": sender, "reason": "The citizen's server answered: %s." % (condition or "error")}
    if kind == "groupchat" or m.find("x", *NS_MUC) is not None:
        return {"kind": "ignored", "why": "group chat", "decline": kind != "groupchat", "sender": sender}
    if not sender or kind == "headline":
        return {"kind": "ignored", "why": "no sender or a headline"}
    received = m.find("received", NS_RECEIPTS)
    if received is not None and received.get("id"):
        return {"kind": "receipt", "external_id": received.get("id"), "state": "delivered", "sender": sender}
    marker = m.find("displayed", NS_MARKERS)
    if marker is not None and marker.get("id"):
        return {"kind": "receipt", "external_id": marker.get("id"), "state": "read", "sender": sender}
    body, oob = m.text_of("body").strip(), m.find("x", NS_OOB)
    is_secret = m.find("encrypted", *NS_OMEMO) is not None or m.find("encryption", NS_EME) is not None
    if not body and not is_secret and (oob is None or not oob.text_of("url")):
        for state in ("composing", "paused", "active", "inactive", "gone"):
            if m.find(state, NS_STATES) is not None:
                return {"kind": "typing", "thread": sender, "typing": state == "composing"}
        return {"kind": "ignored", "why": "nothing to read"}
    out = {"kind": "message", "external_id": sender + " " + stanza_id(m, domain), "sender": sender, "thread": sender,
           "recipient": bare(m.get("to")), "text": body[:BODY_CHARS_MAX]}
    if m.text_of("subject"):
        out["subject"] = m.text_of("subject")[:500]
    nick = m.find("nick", NS_NICK)
    if nick is not None and nick.text.strip():
        out["sender_name"] = nick.text.strip()[:100]
    url = oob.text_of("url").strip() if oob is not None else ""
    if url and url not in body:
        out["text"] = (body + "\n" + url).strip()
    warnings = ["xmpp-link"] if url else []
    replaced = m.find("replace", NS_CORRECT)
    if replaced is not None:
        out["text"] = "✎ " + out["text"]
        warnings.append("xmpp-correction")
    if is_secret:
        warnings.append("xmpp-omemo")
        out["secret"] = True
    delay = m.find("delay", NS_DELAY)
    sent = time_ms(delay.get("stamp")) if delay is not None else 0
    if sent:
        out["sent_ms"] = sent
    if warnings:
        out["warnings"] = warnings
    if m.find("request", NS_RECEIPTS) is not None and m.get("id"):
        out["wants_receipt"] = m.get("id")
    if m.get("lang"):
        out["language"] = m.get("lang")
    return out


def normalize(path):
    """Raw stanzas without the stream around them, as the server sends them."""
    raw = sys.stdin.buffer.read() if path == "-" else open(path, "rb").read()

    def show(e):
        out = read_message(e, "") if e.tag == "message" else {"kind": "ignored", "why": e.tag}
        print(json.dumps(out, ensure_ascii=False))
    stream = Stream(lambda attrs: None, show)
    stream.feed(("<stream xmlns='%s'>" % NS_COMPONENT).encode() + raw)
