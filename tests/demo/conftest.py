"""A running demo server, and a visitor with a cookie jar of one."""

import base64
import http.client
import json
import threading
from contextlib import contextmanager

import pytest

import minicnn as mc
from minicnn.demo.server import DemoServer


@pytest.fixture(scope="session")
def shipped():
    return mc.models.lenet5(pretrained=True)


@pytest.fixture(scope="session")
def digits():
    """The sample's held-out digits."""
    return mc.data.load_sample()[1]


class Visitor:
    """One browser: a connection that stays open, and its cookie."""

    def __init__(self, server):
        self.address, self.cookie, self.connection = server.server_address[:2], None, None

    def send(self, method, path, body=None, **headers):
        """-> (status, headers, bytes) of the reply."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.address, timeout=20)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if method == "POST":
            headers = {"Content-Type": "application/json", **headers}
        if self.cookie:
            headers["Cookie"] = self.cookie
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        contents = response.read()
        if cookie := response.headers.get("Set-Cookie"):
            self.cookie = cookie.partition(";")[0]
        return response.status, response.headers, contents

    def ask(self, name, **request):
        """-> (status, reply) of a question to the API."""
        status, _, contents = self.send("POST", f"/api/{name}", json.dumps(request))
        return status, json.loads(contents)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@contextmanager
def running(**settings):
    """A DemoServer that serves on a free port."""
    with DemoServer(**settings) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def run_server():
    return running


@pytest.fixture(scope="session")
def server():
    with running() as server:
        yield server


@pytest.fixture
def new_visitor():
    """new_visitor(server) -> a Visitor, whose connection is closed after the test."""
    visitors = []

    def make(server):
        visitors.append(Visitor(server))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.close()


@pytest.fixture
def visitor(server, new_visitor):
    return new_visitor(server)


@pytest.fixture(scope="session")
def pixels():
    """pixels(array (H, W) uint8) -> the API's form of it."""
    return lambda array: {
        "width": array.shape[1], "height": array.shape[0], "pixels": base64.b64encode(array.tobytes()).decode(),
    }  # fmt: skip
