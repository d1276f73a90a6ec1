"""The demo's HTTP server: the page's three files, and the page's requests as JSON. Standard library only."""

import os
import socket
import socketserver
import sys
import threading
import traceback
from http.server import ThreadingHTTPServer
from importlib import resources
from ipaddress import ip_address

from minicnn.data import load_sample
from minicnn.demo.api import Api
from minicnn.demo.handler import Handler
from minicnn.demo.limits import RateLimit
from minicnn.demo.sessions import Sessions
from minicnn.models import lenet5

CONNECTIONS = 256
"""How many may be open at the same time; each costs a thread."""

PAGE = {  # the only files there are, by their address
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
}


class DemoServer(ThreadingHTTPServer):
    """Serves the demo at ``host`` and ``port`` (0: a free one): ``serve_forever`` to run, ``url`` to visit.

    Any address but a loopback one opens it to the network that the machine is in. sessions, limit: Sessions, and a
    RateLimit for each visitor's address, in place of the default ones. Raises OSError where it cannot listen there.
    """

    daemon_threads = True  # an open connection does not keep the program from ending
    request_queue_size = 128
    allow_reuse_address = os.name != "nt"  # on Windows it would mean sharing the port with another program

    def __init__(self, host="127.0.0.1", port=0, *, sessions=None, limit=None):
        self.sessions = Sessions(lenet5(pretrained=True)) if sessions is None else sessions
        self.api = Api(self.sessions.shipped, load_sample()[1])
        self.limit = RateLimit(rate=200, burst=400) if limit is None else limit
        folder = resources.files("minicnn.demo") / "page"
        self.page = {path: ((folder / name).read_bytes(), kind) for path, (name, kind) in PAGE.items()}
        self.free = threading.BoundedSemaphore(CONNECTIONS)
        self.address_family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.loopback = ip_address(address[0].partition("%")[0]).is_loopback
        super().__init__(address[:2], Handler)

    def server_bind(self):
        """As HTTPServer does it, but for the look-up of the machine's name: without a network that takes seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    @property
    def url(self):
        host, port = self.server_address[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"

    def process_request(self, request, client_address):
        """A thread for each connection, while there are not too many."""
        if not self.free.acquire(blocking=False):
            request.sendall(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.free.release()

    def handle_error(self, request, client_address):
        """A visitor who goes away in the middle of something is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            traceback.print_exc()
