"""One connection to the demo: what is refused, and how an answer goes out."""

import contextlib
import ipaddress
import json
import traceback
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit

from minicnn.demo.api import BadRequest

LARGEST_BODY = 128 * 1024
"""Bytes of a request: a drawing of the largest size in base64, and a little more."""

SILENCE_SECONDS = 15
"""How long a connection may be silent, between two requests or inside one."""

QUESTIONS = {"GET": {"/api/network"}, "POST": {"/api/look", "/api/step", "/api/unit", "/api/reset"}}

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):
    """A request that gets no answer: the HTTP status, a message for a person, and headers to go with it."""

    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status, self.headers = status, headers


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection, which stays open between them. ``server`` is the DemoServer."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "minicnn", ""
    timeout = SILENCE_SECONDS
    disable_nagle_algorithm = True  # or the end of an answer would wait for the browser to confirm its beginning
    wbufsize = -1  # headers and body go out together

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def _answer(self, method):
        try:
            body = self._body()
            self._check_visitor()
            path = urlsplit(self.path).path
            if method == "GET" and path in self.server.page:
                return self._send(HTTPStatus.OK, *self.server.page[path])
            if path not in QUESTIONS[method]:
                raise self._unknown(method, path)
            self._send_json(HTTPStatus.OK, *self._ask(path.rpartition("/")[2], body if method == "POST" else b"{}"))
        except Refused as refusal:
            self._send_json(refusal.status, {"error": str(refusal)}, refusal.headers)
        except BadRequest as error:
            self._send_json(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except OSError:
            raise  # the connection's own
        except Exception:
            traceback.print_exc()
            self._send_json(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the program failed; its window says where"})

    def _ask(self, name, body):
        """-> (the API's reply, headers): on the visitor's own network, or a new one."""
        given = self._cookie()
        session_name, session = self.server.sessions.find(given)
        reply = self.server.api.answer(name, _document(body), session)
        if session_name == given:
            return reply, {}
        return reply, {"Set-Cookie": f"{self._cookie_name}={session_name}; Path=/; HttpOnly; SameSite=Strict"}

    # -------------------------------------------------------------------------------------- what is refused

    def _body(self):
        """The request's body, if it is not too long; one that is gets read and dropped, so that the reply arrives."""
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "a request needs a Content-Length")
        text = self.headers.get("Content-Length", "0").strip()
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            self.close_connection = True
            raise Refused(HTTPStatus.BAD_REQUEST, f"Content-Length must be a number of bytes, got {text[:40]!r}")
        length = int(text)
        if length > LARGEST_BODY:
            self.close_connection = True
            self._drop(min(length, 16 * LARGEST_BODY))
            message = f"a request must be at most {LARGEST_BODY:,} bytes, got {length:,}"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the visitor went away")
        return body

    def _drop(self, length):
        while length > 0 and (part := self.rfile.read(min(length, LARGEST_BODY))):
            length -= len(part)

    def _check_visitor(self):
        """Refuse too many requests, and those that another web page makes a visitor's browser send."""
        if not self.server.limit.allows(self.client_address[0]):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests; wait a second", **{"Retry-After": "1"})
        host = self.headers.get("Host", "")
        if self.server.loopback and not _is_loopback(host):
            raise Refused(HTTPStatus.FORBIDDEN, f"this page is {self.server.url}; {host[:80]!r} is another host")
        origin = self.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(HTTPStatus.FORBIDDEN, "requests from other pages are not answered")
        if self.command == "POST" and self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the request must be application/json")

    def _unknown(self, method, path):
        other = "GET" if method == "POST" else "POST"
        if path in QUESTIONS[other] or path in self.server.page:
            return Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} is for {other}, got {method}", Allow=other)
        return Refused(HTTPStatus.NOT_FOUND, f"there is no {path[:80]}")

    # ---------------------------------------------------------------------------------- cookies and replies

    @property
    def _cookie_name(self):
        """One a port: browsers keep cookies by host only, and several demos may run."""
        return f"minicnn-{self.server.server_port}"

    def _cookie(self):
        with contextlib.suppress(CookieError, KeyError):
            return SimpleCookie(self.headers.get("Cookie", ""))[self._cookie_name].value

    def _send_json(self, status, document, headers=None):
        self._send(status, json.dumps(document).encode(), "application/json", headers)

    def _send(self, status, body, kind, headers=None):
        self.send_response(status)
        for name, value in {**HEADERS, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code, message=None, explain=None):
        """What the base class refuses by itself (a request line that is none, an unknown method), as JSON too."""
        self.close_connection = True
        if self.request_version != "HTTP/0.9":
            self._send_json(code, {"error": message or HTTPStatus(code).phrase})

    def log_message(self, format, *args):
        """Nothing: a line for every stroke would hide what matters."""


def _document(body):
    """The JSON in a request; BadRequest if it is none."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the request must be JSON: {error}") from None


def _no_number(name):
    raise ValueError(f"{name} is no JSON number")


def _is_loopback(host):
    """Whether a Host header names this machine's loopback address, which no other page's address does."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
