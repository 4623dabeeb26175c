# SPDX-License-Identifier: EUPL-1.2
"""The client's side of SASL SCRAM (RFC 5802, RFC 7677), without channel binding."""
import base64
import hashlib
import hmac
import secrets

from .stanza import Broken

MECHANISMS = (("SCRAM-SHA-256", "sha256"), ("SCRAM-SHA-1", "sha1"))
ITERATIONS_MIN, ITERATIONS_MAX = 4096, 1000000


class Scram:
    def __init__(self, hash_name, user, password, nonce=None):
        self.hash, self.password = hash_name, password.encode("utf-8")
        self.nonce = nonce or secrets.token_urlsafe(24)
        self.bare = "n=%s,r=%s" % (user.replace("=", "=3D").replace(",", "=2C"), self.nonce)
        self.signature = None

    def first(self):
        return ("n,," + self.bare).encode("utf-8")

    def mac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def final(self, challenge):
        """The answer to the server's challenge."""
        try:
            fields = dict(part.split("=", 1) for part in challenge.decode("utf-8").split(","))
            salt, rounds, nonce = base64.b64decode(fields["s"], validate=True), int(fields["i"]), fields["r"]
        except (ValueError, KeyError) as e:
            raise Broken("the server's challenge cannot be read") from e
        if "m" in fields or not nonce.startswith(self.nonce) or len(nonce) <= len(self.nonce) or not ITERATIONS_MIN <= rounds <= ITERATIONS_MAX:
            raise Broken("the server's challenge is not sound")
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, salt, rounds)
        bare = "c=biws,r=" + nonce
        text = ",".join((self.bare, challenge.decode("utf-8"), bare)).encode("utf-8")
        key = self.mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, self.mac(hashlib.new(self.hash, key).digest(), text)))
        self.signature = self.mac(self.mac(salted, b"Server Key"), text)
        return (bare + ",p=" + base64.b64encode(proof).decode("ascii")).encode("utf-8")

    def check(self, last):
        """The server knows the password as well."""
        wanted = b"v=" + base64.b64encode(self.signature) if self.signature else b""
        if not wanted or not hmac.compare_digest(wanted, last.split(b",")[0]):
            raise Broken("the server did not prove that it knows the password")
