"""The demo's server: what it answers, and what it refuses."""

import base64
import json
import socket
import threading
import time

import numpy as np
import pytest

from minicnn.demo.limits import RateLimit
from minicnn.demo.sessions import Sessions


def array(encoded):
    """An array from its form in a reply."""
    dtype = np.uint8 if len(encoded["shape"]) == 2 and encoded["shape"][0] == 28 else "<f4"
    return np.frombuffer(base64.b64decode(encoded["data"]), dtype).reshape(encoded["shape"])


@pytest.fixture(scope="module")
def three(digits, pixels):
    return {"seen": pixels(digits.images[np.flatnonzero(digits.labels == 3)[0]])}


# ------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize("path, kind", [("/", "html"), ("/style.css", "css"), ("/app.js", "javascript")])
def test_the_page_needs_nothing_from_elsewhere(visitor, path, kind):
    status, headers, contents = visitor.send("GET", path)
    assert status == 200 and kind in headers["Content-Type"] and headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    text = contents.decode()
    for other in ("https://", "//cdn", "@import", "import(", "url("):
        assert other not in text
    assert text.replace("http://www.w3.org/2000/svg", "").replace("xmlns='http://www.w3.org", "").count("http://") == 0


def test_a_drawing_is_read_and_every_map_shown(visitor, digits, pixels, shipped):
    image = digits.images[0]
    status, reply = visitor.ask("look", source={"drawing": pixels(np.kron(image, np.ones((5, 5), np.uint8)))})
    assert status == 200 and reply["ranking"][0] == digits.labels[0] and reply["ink"] and reply["label"] is None
    seen = array(reply["image"])
    outputs = {"input": shipped.input(seen[None])}
    for layer in shipped:
        outputs[layer.name] = layer.forward([*outputs.values()][-1])
    assert reply["distances"] == outputs["output"][:, 0].tolist()
    assert np.array_equal(array(reply["maps"]["F6"]), outputs["F6 squash"][:, 0])
    assert "backward" not in reply


def test_a_digit_of_the_sample(visitor, digits):
    places = np.flatnonzero(digits.labels == 7)
    for number in (0, 1, len(places)):
        reply = visitor.ask("look", source={"digit": 7, "number": number})[1]
        assert np.array_equal(array(reply["image"]), digits.images[places[number % len(places)]])
        assert reply["label"] == 7


def test_a_picture_dark_on_light(visitor, digits, pixels):
    status, reply = visitor.ask("look", source={"picture": pixels(255 - np.pad(digits.images[4], 5))})
    assert status == 200 and reply["ranking"][0] == digits.labels[4]


def test_an_empty_drawing_is_no_error(visitor, pixels):
    status, reply = visitor.ask("look", source={"drawing": pixels(np.zeros((50, 60), np.uint8))})
    assert status == 200 and not reply["ink"] and len(reply["distances"]) == 10


def test_backward_step_and_reset(server, new_visitor, three):
    visitor = new_visitor(server)
    back = visitor.ask("look", source=three, target=5)[1]["backward"]
    assert array(back["saliency"]).shape == (1, 32, 32) and array(back["maps"]["C3"]).any()
    first = visitor.ask("look", source=three)[1]
    status, stepped = visitor.ask("step", source=three, target=5, criterion="rbf", lr=0.001)
    assert status == 200 and stepped["steps"] == 1
    assert stepped["change"]["distances"] == [first["distances"], stepped["distances"]]
    assert stepped["distances"][5] < first["distances"][5]
    assert visitor.ask("look", source=three)[1]["distances"] == stepped["distances"]
    changed = visitor.ask("unit", stage="C3", index=4)[1]
    assert array(changed["weights"]).shape == (3, 5, 5) and array(changed["change"]).any()
    assert visitor.ask("reset")[1] == {"steps": 0}
    assert visitor.ask("look", source=three)[1]["distances"] == first["distances"]
    assert not array(visitor.ask("unit", stage="C3", index=4)[1]["change"]).any()


def test_two_browsers_two_networks(server, new_visitor, three):
    one, two = new_visitor(server), new_visitor(server)
    before = two.ask("look", source=three)[1]["distances"]
    for _ in range(3):
        one.ask("step", source=three, target=0)
    assert one.ask("look", source=three)[1]["steps"] == 3
    after = two.ask("look", source=three)[1]
    assert after["distances"] == before and after["steps"] == 0 and one.cookie != two.cookie


def test_the_cookie_is_kept_from_scripts_and_other_pages(server, new_visitor):
    visitor = new_visitor(server)
    cookie = visitor.send("GET", "/api/network")[1]["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and f"minicnn-{server.server_port}=" in cookie
    assert visitor.send("GET", "/api/network")[1]["Set-Cookie"] is None
    visitor.cookie = 'minicnn-=";;'
    assert visitor.send("GET", "/api/network")[0] == 200


def test_an_idle_browsers_network_is_forgotten(run_server, new_visitor, shipped, three):
    now = [0.0]
    with run_server(sessions=Sessions(shipped, idle_seconds=60, clock=lambda: now[0])) as server:
        visitor = new_visitor(server)
        assert visitor.ask("step", source=three, target=5)[1]["steps"] == 1
        now[0] += 30
        assert visitor.ask("look", source=three)[1]["steps"] == 1
        now[0] += 61
        assert visitor.ask("look", source=three)[1]["steps"] == 0
        assert len(server.sessions) == 1
        visitor.close()


def test_the_description_is_the_networks(visitor):
    network = json.loads(visitor.send("GET", "/api/network")[2])
    assert network["parameters"] == sum(stage["parameters"] for stage in network["stages"]) == 60_000
    assert network["errors"]["count"] == 10_000 and 0 < network["errors"]["wrong"] < 200


# ------------------------------------------------------------------------------------------------- bad input

SMALL = {"width": 2, "height": 2, "pixels": base64.b64encode(b"\0\1\2\3").decode()}


@pytest.mark.parametrize(
    "name, request_, words",
    [
        ("look", {}, "the request lacks source"),
        ("look", {"source": SMALL}, "source must be an object with one of digit, drawing, picture, seen"),
        ("look", {"source": "3"}, "source must be an object with one of digit, drawing, picture, seen, got '3'"),
        ("look", {"source": {"drawing": SMALL, "seen": SMALL}}, "source must be an object with one of"),
        ("look", {"source": {"drawing": SMALL, "file": "/etc/passwd"}}, "source has an unknown field 'file'"),
        ("look", {"source": {"drawing": [1, 2]}}, r"drawing must be an object with .* got \[1, 2\]"),
        ("look", {"source": {"drawing": {"width": 2}}}, "drawing lacks height, pixels"),
        ("look", {"source": {"drawing": {**SMALL, "width": 3}}}, "pixels must be 6 bytes for 3x2, got 4"),
        ("look", {"source": {"drawing": {**SMALL, "width": 0}}}, "width must be an integer from 1 to 280, got 0"),
        ("look", {"source": {"drawing": {**SMALL, "width": True}}}, "width must be an integer from 1 to 280, got True"),
        ("look", {"source": {"drawing": {**SMALL, "height": 1e9}}}, "height must be an integer from 1 to 280"),
        ("look", {"source": {"drawing": {**SMALL, "pixels": "###"}}}, "pixels must be base64 text: "),
        ("look", {"source": {"drawing": {**SMALL, "pixels": "ää"}}}, "pixels must be base64 text: "),
        ("look", {"source": {"drawing": {**SMALL, "pixels": [0] * 4}}}, r"pixels must be base64 text, got \[0"),
        ("look", {"source": {"seen": SMALL}}, "seen must be 28x28 pixels, got 2x2"),
        ("look", {"source": {"picture": SMALL}}, "the picture shows nothing"),
        ("look", {"source": {"digit": 10}}, "digit must be an integer from 0 to 9, got 10"),
        ("look", {"source": {"digit": "3"}}, "digit must be an integer from 0 to 9, got '3'"),
        ("look", {"source": {"digit": 3, "number": -1}}, "number must be an integer from 0"),
        ("look", {"source": {"digit": 3}, "target": 10}, "target must be an integer from 0 to 9, got 10"),
        ("look", {"source": {"digit": 3}, "target": 1, "criterion": "mse"}, "criterion must be one of rbf, softmax"),
        ("look", {"source": {"digit": 3}, "colour": "red"}, "the request has an unknown field 'colour'"),
        ("step", {"source": {"digit": 3}}, "the request lacks target"),
        ("step", {"source": {"digit": 3}, "target": None}, "target must be an integer from 0 to 9, got None"),
        ("step", {"source": {"digit": 3}, "target": 1, "lr": 0}, "lr must be a number above 0 and at most 0.1, got 0"),
        ("step", {"source": {"digit": 3}, "target": 1, "lr": "1"}, "lr must be a number above 0 and at most 0.1"),
        ("step", {"source": {"digit": 3}, "target": 1, "criterion": []}, r"criterion must be one of .*, got \[\]"),
        ("unit", {"stage": "C9", "index": 0}, "stage must be one of C1, S2, C3, S4, C5, F6, output, got 'C9'"),
        ("unit", {"stage": ["C1"], "index": 0}, "stage must be one of"),
        ("unit", {"stage": "C3", "index": 16}, "index must be an integer from 0 to 15, got 16"),
        ("reset", {"all": True}, "the request has an unknown field 'all'"),
    ],
)
def test_requests_that_make_no_sense(visitor, name, request_, words):
    status, reply = visitor.ask(name, **request_)
    assert status == 400
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(reply["error"])
    assert len(reply["error"]) < 200


@pytest.mark.parametrize(
    "body, words",
    [
        ("", "the request must be JSON"),
        ("{", "the request must be JSON"),
        ("[1]", "the request must be a JSON object, got list"),
        ("null", "the request must be a JSON object, got NoneType"),
        ('{"source": NaN}', "NaN is no JSON number"),
        (b'{"a": "\xff\xfe"}', "the request must be JSON"),
        ("[" * 60_000, "the request must be JSON"),
        ('{"source": {"digit": ' + "9" * 6000 + "}}", ""),
    ],
)
def test_bodies_that_are_no_json_object(visitor, body, words):
    status, _, contents = visitor.send("POST", "/api/look", body)
    assert status == 400 and words in json.loads(contents)["error"]
    assert visitor.ask("look", source={"digit": 1})[0] == 200  # on the same connection


@pytest.mark.parametrize("size", [128 * 1024 + 1, 1_500_000, 20_000_000])
def test_an_oversized_body_is_refused(server, new_visitor, size):
    visitor = new_visitor(server)
    if size < 2_000_000:
        status, _, contents = visitor.send("POST", "/api/look", b" " * size)
        assert status == 413 and f"at most 131,072 bytes, got {size:,}" in json.loads(contents)["error"]
        visitor.close()
    else:  # it is not even read to its end
        with socket.create_connection(server.server_address, 20) as connection:
            head = f"POST /api/look HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
            connection.sendall(head.encode() + b" " * 3_000_000)
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert new_visitor(server).ask("look", source={"digit": 1})[0] == 200


@pytest.mark.parametrize(
    "method, path, headers, status, words",
    [
        ("GET", "/../../setup.cfg", {}, 404, "there is no"),
        ("GET", "/page/index.html", {}, 404, "there is no /page/index.html"),
        ("GET", "/%2e%2e/server.py", {}, 404, "there is no"),
        ("GET", "/api/look", {}, 405, "/api/look is for POST, got GET"),
        ("POST", "/api/network", {}, 405, "/api/network is for GET, got POST"),
        ("POST", "/api/nothing", {}, 404, "there is no /api/nothing"),
        ("POST", "/api/reset", {"Content_Type": "text/plain"}, 415, "application/json"),
        ("POST", "/api/reset", {"Origin": "http://elsewhere.example"}, 403, "requests from other pages"),
        ("POST", "/api/reset", {"Origin": "null"}, 403, "requests from other pages"),
        ("GET", "/", {"Host": "rebound.example"}, 403, "is another host"),
        ("GET", "/", {"Host": "127.0.0.1.example:80"}, 403, "is another host"),
        ("DELETE", "/", {}, 501, "DELETE"),
    ],
)
def test_what_else_is_refused(server, new_visitor, method, path, headers, status, words):
    visitor = new_visitor(server)
    got, _, contents = visitor.send(method, path, "{}" if method == "POST" else None, **headers)
    assert got == status and words in json.loads(contents)["error"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.1:8098", "[::1]:8098"])
def test_names_of_this_machine_are_fine(visitor, host):
    assert visitor.send("GET", "/", Host=host)[0] == 200


@pytest.mark.parametrize(
    "head, status",
    [
        ("Content-Length: ten", 400),
        ("Content-Length: -5", 400),
        ("Content-Length: " + "9" * 5000, 400),
        ("Transfer-Encoding: chunked", 411),
    ],
)
def test_lengths_that_are_none(server, head, status):
    with socket.create_connection(server.server_address, 20) as connection:
        connection.sendall(f"POST /api/look HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode())
        assert connection.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_what_is_not_even_http(server, new_visitor, capfd):
    for nonsense in (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection(server.server_address, 20) as connection:
            connection.sendall(nonsense)
            connection.recv(2000)
    with socket.create_connection(server.server_address, 20) as connection:  # one who leaves in the middle
        connection.sendall(b"POST /api/look HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
    assert new_visitor(server).ask("reset")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


# ---------------------------------------------------------------------------------------------------- crowds


def test_a_hundred_requests_at_once(server, new_visitor, three):
    visitors = [new_visitor(server) for _ in range(100)]
    replies, together = [None] * 100, threading.Barrier(100)

    def visit(number):
        together.wait()
        replies[number] = visitors[number].ask("step", source=three, target=number % 10)

    threads = [threading.Thread(target=visit, args=[number]) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [status for status, _ in replies] == [200] * 100
    for target in range(10):  # all who did the same got the same, and each on a network of their own
        same = [reply for _, reply in replies[target::10]]
        assert all(reply["distances"] == same[0]["distances"] and reply["steps"] == 1 for reply in same)
    assert len(server.sessions) <= server.sessions.limit


def test_one_browsers_requests_at_once_are_all_counted(server, new_visitor, three):
    first = new_visitor(server)
    first.ask("reset")
    visitors = [new_visitor(server) for _ in range(10)]

    def visit(visitor):
        visitor.cookie = first.cookie
        for _ in range(3):
            assert visitor.ask("step", source=three, target=3, lr=1e-5)[0] == 200

    threads = [threading.Thread(target=visit, args=[visitor]) for visitor in visitors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert first.ask("look", source=three)[1]["steps"] == 30


def test_too_many_requests_are_told_to_wait(run_server, new_visitor):
    with run_server(limit=RateLimit(rate=20, burst=5)) as server:
        visitor = new_visitor(server)
        answers = [visitor.send("GET", "/") for _ in range(8)]
        assert [status for status, _, _ in answers[:5]] == [200] * 5
        status, headers, contents = answers[-1]
        assert status == 429 and headers["Retry-After"] == "1" and "too many" in json.loads(contents)["error"]
        time.sleep(0.3)
        assert visitor.send("GET", "/")[0] == 200
        visitor.close()


def test_too_many_connections_are_turned_away(run_server, new_visitor, monkeypatch):
    monkeypatch.setattr("minicnn.demo.server.CONNECTIONS", 3)
    with run_server() as server:
        visitors = [new_visitor(server) for _ in range(4)]
        assert [visitor.send("GET", "/")[0] for visitor in visitors] == [200, 200, 200, 503]
        for visitor in visitors:
            visitor.close()
        deadline = time.monotonic() + 10
        late = new_visitor(server)
        while (status := late.send("GET", "/")[0]) == 503 and time.monotonic() < deadline:
            late.close()
            time.sleep(0.05)
        assert status == 200
        late.close()


def test_a_failure_of_its_own_is_told_and_does_not_end_it(run_server, new_visitor, monkeypatch, capfd):
    with run_server() as server:
        monkeypatch.setattr(server.api, "answer", lambda *arguments: 1 / 0)
        visitor = new_visitor(server)
        assert visitor.ask("reset")[0] == 500
        assert "ZeroDivisionError" in capfd.readouterr().err
        assert visitor.send("GET", "/")[0] == 200
        visitor.close()
