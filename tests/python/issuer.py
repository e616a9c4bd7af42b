"""An authorization server whose access tokens are made by Authlib, and which misbehaves on request.

    python issuer.py

It prints its URL, which is also its name as an issuer, and serves until standard input ends.

    GET  /.well-known/oauth-authorization-server   what RFC 8414 has
    GET  /jwks                                     its public keys, as it behaves
    POST /mint     {"user", "audience", "scope", "more": {claim: value}} -> a token as Authlib makes it.
                   With "claims" or "header" it is changed and signed again: null takes a claim away.
                   "key" is the id of the key, also of one that was retired. An algorithm of "none" or
                   "HS256" is signed by hand, the latter with the public key as the secret.
    POST /behave   {"keys": "good" | "down" | "slow" | "huge"} -> how /jwks answers from now on
    POST /rotate   {"id"} -> another key in the place of the one that signs
    GET  /asked    -> how often /jwks was asked for
"""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

# It says that a newer RFC has another name for an algorithm that is still in use.
warnings.filterwarnings("ignore", message="EdDSA is deprecated")

HUGE_BYTES = 1 << 20
SLOW_S = 30


class Client:
    """The client that asks for tokens."""

    def get_client_id(self):
        return "tests"

    def get_allowed_scope(self, scope):
        return scope or ""


class User:
    """The user on whose behalf it asks."""

    def __init__(self, name):
        self.name = name

    def get_user_id(self):
        return self.name


class Tokens(JWTBearerTokenGenerator):
    """Authlib's tokens, for one audience and with one key."""

    def __init__(self, issuer, key, audience, more):
        super().__init__(issuer, alg=key_algorithm(key))
        self.key, self.audience, self.more = key, audience, more

    def get_jwks(self):
        return KeySet([self.key])

    def get_audiences(self, client, user, scope):
        return self.audience

    def get_extra_claims(self, client, grant_type, user, scope):
        return self.more


def make(kind, name):
    options = {"kid": name, "use": "sig"}
    if kind == "EC":
        return ECKey.generate_key("P-256", {**options, "alg": "ES256"}, private=True)
    if kind == "OKP":
        return OKPKey.generate_key("Ed25519", {**options, "alg": "EdDSA"}, private=True)
    return RSAKey.generate_key(2048, {**options, "alg": "RS256"}, private=True)


def key_algorithm(key):
    return {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}[key.key_type]


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Issuer:
    """What the server knows."""

    def __init__(self):
        # The first signs where nothing else is said.
        self.keys = {name: make(kind, name) for name, kind in [("rsa", "RSA"), ("ec", "EC"), ("okp", "OKP")]}
        self.shown = list(self.keys)
        self.signs = "rsa"
        self.behaviour = "good"
        self.asked = 0
        self.url = ""

    def metadata(self):
        metadata = AuthorizationServerMetadata(
            issuer=self.url,
            jwks_uri=self.url + "/jwks",
            authorization_endpoint=self.url + "/authorize",
            token_endpoint=self.url + "/token",
            response_types_supported=["code"],
        )
        metadata.validate_response_types_supported()
        return metadata

    def rotate(self, name):
        self.keys[name] = make("EC", name)
        self.shown = [shown for shown in self.shown if shown != self.signs] + [name]
        self.signs = name

    def mint(self, wish):
        key = self.keys.get(wish.get("key") or self.signs) or make("RSA", wish["key"])
        # Authlib does not sign with EdDSA; such a token is signed again.
        signs = self.keys["rsa"] if key.key_type == "OKP" else key
        tokens = Tokens(self.url, signs, wish.get("audience"), wish.get("more") or {})
        made = tokens.generate("client_credentials", Client(), User(wish.get("user", "ann")), wish.get("scope"))
        token = made["access_token"]
        if signs is key and "claims" not in wish and "header" not in wish:
            return token
        parsed = jwt.decode(token, signs, algorithms=[key_algorithm(signs)])
        now = int(time.time())
        claims = {**parsed.claims, **wish.get("claims", {})}
        # Times are told from now.
        for name in ("exp", "nbf"):
            if isinstance(wish.get("claims", {}).get(name), int):
                claims[name] += now
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {**parsed.header, "alg": key_algorithm(key), "kid": key.kid, **wish.get("header", {})}
        header = {name: value for name, value in header.items() if value is not None}
        return self.sign(header, claims, key)

    def sign(self, header, claims, key):
        text = encoded(header) + "." + encoded(claims)
        if header["alg"] == "none":
            return text + "."
        if header["alg"].startswith("HS"):
            secret = key.as_pem(private=False)
            return text + "." + encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())
        return jwt.encode(header, claims, key, algorithms=[header["alg"]])


class Handler(BaseHTTPRequestHandler):
    """One request."""

    issuer = Issuer()

    def do_GET(self):
        if self.path == "/.well-known/oauth-authorization-server":
            self.answer(self.issuer.metadata())
        elif self.path == "/jwks":
            self.issuer.asked += 1
            self.jwks(self.issuer.behaviour)
        elif self.path == "/asked":
            self.answer(self.issuer.asked)
        else:
            self.answer({}, 404)

    def jwks(self, behaviour):
        if behaviour == "down":
            return self.answer({}, 500)
        if behaviour == "slow":
            time.sleep(SLOW_S)
        keys = [self.issuer.keys[name].as_dict(private=False) for name in self.issuer.shown]
        if behaviour == "huge":
            keys.append({"kty": "oct", "k": "A" * HUGE_BYTES})
        return self.answer({"keys": keys})

    def do_POST(self):
        wish = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path == "/mint":
            self.answer(self.issuer.mint(wish))
        elif self.path == "/behave":
            self.issuer.behaviour = wish["keys"]
            self.answer("ok")
        elif self.path == "/rotate":
            self.issuer.rotate(wish["id"])
            self.answer("ok")
        else:
            self.answer({}, 404)

    def answer(self, body, status=200):
        body = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            # Whoever asked did not wait, or read no further.
            self.close_connection = True

    def log_message(self, format, *args):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.issuer.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(Handler.issuer.url, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
