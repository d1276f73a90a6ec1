"""A folder at a loopback address: the standard library's server of static files, nothing else."""

import socketserver
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Files as they lie there. Browsers ask anew each time, so that weights that were trained again are seen."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript", ".bin": "application/octet-stream",
    }  # fmt: skip  # not what the machine's registry says

    def end_headers(self):
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    """Serves ``folder`` on this machine's loopback address at ``port`` (0: a free one); ``url`` to visit."""

    daemon_threads = True

    def __init__(self, folder, port=0):
        super().__init__(("127.0.0.1", port), partial(Handler, directory=str(folder)))

    def server_bind(self):
        """As HTTPServer does it, but for the look-up of the machine's name: without a network that takes seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """A visitor who goes away in the middle of something is no error."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"
