# SPDX-License-Identifier: EUPL-1.2
"""Limits, namespaces and the manifest."""

VERSION = "1.1"
STANZA_BYTES_MAX = 256 * 1024
SKIPPED_BYTES_MAX = 16 * 1024 * 1024
DEPTH_MAX = 32
RECEIPTS_MAX = 10000
RECEIPT_MS = 7 * 24 * 3600 * 1000
BODY_CHARS_MAX = 20000
PENDING_MAX = 200
UNACKED_MAX = 1000
CANDIDATES_MAX = 20
CONNECT_SECONDS = 10
WRITE_SECONDS = 20
PING_SECONDS = 60
ANSWER_SECONDS = 10
DISCOVER_SECONDS = 5
PUT_SECONDS = 60
BACKOFF_MAX_SECONDS = 60
FINISH_SECONDS = 2
NS_COMPONENT = "jabber:component:accept"
NS_STREAM = "http://etherx.jabber.org/streams"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NS_RECEIPTS = "urn:xmpp:receipts"
NS_STATES = "http://jabber.org/protocol/chatstates"
NS_MARKERS = "urn:xmpp:chat-markers:0"
NS_OOB = "jabber:x:oob"
NS_CORRECT = "urn:xmpp:message-correct:0"
NS_SID = "urn:xmpp:sid:0"
NS_DELAY = "urn:xmpp:delay"
NS_OMEMO = ("eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2")
NS_EME = "urn:xmpp:eme:0"
NS_MUC = ("http://jabber.org/protocol/muc#user", "jabber:x:conference")
NS_DISCO = "http://jabber.org/protocol/disco#info"
NS_DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
NS_VERSION = "jabber:iq:version"
NS_PING = "urn:xmpp:ping"
NS_NICK = "http://jabber.org/protocol/nick"
NS_CLIENT = "jabber:client"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_SM = "urn:xmpp:sm:3"
NS_UPLOAD = "urn:xmpp:http:upload:0"
NS_FORM = "jabber:x:data"
FEATURES = (NS_DISCO, NS_VERSION, NS_PING, NS_RECEIPTS, NS_STATES, NS_OOB, NS_CORRECT, NS_SID)


MANIFEST = {
    "name": "xmpp", "version": VERSION, "protocol": 1,
    "caps": ["attachments", "delivered", "read", "typing", "subject"], "text_max": 10000, "concurrency": 4,
    "options": [
        {"name": "mode", "type": "enum", "values": ["component", "client"], "default": "component",
         "help": "component: a part of the city's own server (XEP-0114). client: an account at any server."},
        {"name": "host", "type": "string", "default": "127.0.0.1", "max": 255, "help": "Where the XMPP server is."},
        {"name": "port", "type": "int", "default": "0", "max": 65535, "help": "Its port. 0: 5347 for a component, 5222 for a client."},
        {"name": "domain", "type": "string", "required": True, "min": 1, "max": 255, "help": "Name of the component, such as amt.example.org, or domain of the account."},
        {"name": "local", "type": "string", "default": "buergerbuero", "min": 1, "max": 255, "help": "Local part of our address; the account's name."},
        {"name": "secret", "type": "string", "required": True, "secret": True, "min": 1, "max": 255, "help": "The component's secret, or the account's password."},
        {"name": "tls", "type": "enum", "values": ["required", "none"], "default": "required",
         "help": "For a client: STARTTLS with a certificate for the domain. none: only for a server on the same machine."},
        {"name": "tls_ca", "type": "string", "default": "", "max": 1000, "help": "File of the authorities to trust. Empty: those of the system."},
        {"name": "upload", "type": "string", "default": "", "max": 255, "help": "Address of the upload service (XEP-0363). Empty: the server is asked."},
        {"name": "nick", "type": "string", "default": "", "max": 100, "help": "Name shown beside our messages. Empty: none."},
        {"name": "omemo_notice", "type": "string", "max": 500, "help": "Answer to an end-to-end encrypted message.",
         "default": "Ihre Nachricht war Ende-zu-Ende verschlüsselt und konnte nicht gelesen werden. Bitte schalten Sie OMEMO für diesen Kontakt aus. / "
                    "Your message was end-to-end encrypted and could not be read. Please switch OMEMO off for this contact."},
    ],
}
