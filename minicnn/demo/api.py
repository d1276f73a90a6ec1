"""What the page may ask: JSON in, JSON out. Nothing here knows HTTP, and nothing here touches the file system.

    network   {}                                                       the description, prototypes, shipped facts
    look      {"source": S, "target"?: 0..9, "criterion"?: C}          maps, distances; with a target the gradients
    step      {"source": S, "target": 0..9, "criterion"?: C, "lr"?}    one SGD step; the same, and what changed
    unit      {"stage": "C3", "index": 4}                              the weights of one map or unit
    reset     {}                                                       the shipped weights again

A source S is one of {"drawing": P} (ink 255 on 0, any place and size), {"picture": P} (grey levels, dark on light or
light on dark), {"digit": 0..9, "number": n} (the n-th such digit of the bundled sample) and {"seen": P}, the 28x28
pixels of an earlier reply as they are. P is {"width", "height", "pixels": base64 of so many bytes}. C is "rbf"
(equation 8) or "softmax" (equation 9). Arrays come back as {"shape", "data": base64 of little-endian float32}.
"""

import base64
import binascii

import numpy as np

from minicnn.demo import drawing, view
from minicnn.models import pretrained

LARGEST_SIDE = 280
LARGEST_LR = 0.1
LR = 0.001


class BadRequest(ValueError):
    """The page asked for something that makes no sense; the message says what, and what would."""


class Api:
    """Answers requests, each on a session's copy of the network. sample: a Dataset of digits to choose from."""

    def __init__(self, shipped, sample):
        self.sample, self.description = sample, view.description(shipped)
        self.sizes = {stage["name"]: stage["shape"][0] for stage in self.description["stages"]}
        self.places = [np.flatnonzero(sample.labels == digit) for digit in range(10)]

    def answer(self, name, request, session):
        """The reply to a request, JSON-able; BadRequest if it makes no sense, KeyError for an unknown name."""
        method = {"network": self.network, "look": self.look, "step": self.step, "unit": self.unit,
                  "reset": self.reset}[name]  # fmt: skip
        if not isinstance(request, dict):
            raise BadRequest(f"the request must be a JSON object, got {type(request).__name__}")
        with session.lock:
            return encoded({**method(request, session), "steps": session.steps})

    def network(self, request, session):
        _fields(request)
        facts = pretrained.weights("lenet5")[1]
        confusion = np.array(facts["measured"]["confusion"])
        errors = {"count": int(confusion.sum()), "wrong": int(confusion.sum() - np.trace(confusion))}
        return {**self.description, "made": facts["made"], "errors": errors, "largest_side": LARGEST_SIDE}

    def look(self, request, session):
        _fields(request, "source", optional=("target", "criterion"))
        image, facts = self._image(request["source"])
        reply = {**facts, **view.look(session.net, image)}
        if request.get("target") is not None:
            reply["backward"] = view.look_back(session.net, image, _target(request), _criterion(request))
        return reply

    def step(self, request, session):
        _fields(request, "source", "target", optional=("criterion", "lr"))
        image, facts = self._image(request["source"])
        target, criterion, lr = _target(request), _criterion(request), _lr(request)
        change = view.step(session.net, image, target, criterion, lr)
        session.steps += 1
        reply = {**facts, **view.look(session.net, image), "change": change}
        return {**reply, "backward": view.look_back(session.net, image, target, criterion)}

    def unit(self, request, session):
        _fields(request, "stage", "index")
        stage = request["stage"]
        if not isinstance(stage, str) or stage not in self.sizes:
            raise BadRequest(f"stage must be one of {', '.join(self.sizes)}, got {_short(stage)}")
        index = _integer("index", request["index"], 0, self.sizes[stage] - 1)
        return view.unit_weights(session.net, session.shipped, stage, index)

    def reset(self, request, session):
        _fields(request)
        session.reset()
        return {}

    def _image(self, source):
        """-> (28x28 image, facts about it) from a source."""
        kinds = [kind for kind in ("digit", *IMAGES) if isinstance(source, dict) and kind in source]
        if len(kinds) != 1:
            raise BadRequest(f"source must be an object with one of digit, {', '.join(IMAGES)}, got {_short(source)}")
        kind, label = kinds[0], None
        if kind == "digit":
            _fields(source, kind, optional=("number",), what="source")
            label = _integer(kind, source[kind], 0, 9)
            number = _integer("number", source.get("number", 0), 0, 2**31)
            image = self.sample.images[self.places[label][number % len(self.places[label])]]
        else:
            _fields(source, kind, what="source")
            image = IMAGES[kind](_pixels(kind, source[kind]))
        return image, {"image": image, "ink": bool(image.any()), "label": label}


def encoded(value):
    """A reply as json.dumps takes it: arrays become base64, bytes or float32, beside their shape."""
    if isinstance(value, np.ndarray):
        plain = np.ascontiguousarray(value, dtype="u1" if value.dtype == np.uint8 else "<f4")
        return {"shape": value.shape, "data": base64.b64encode(plain).decode("ascii")}
    if isinstance(value, dict):
        return {name: encoded(each) for name, each in value.items()}
    return value


def _as_seen(pixels):
    if pixels.shape != (drawing.SIDE, drawing.SIDE):
        raise BadRequest(f"seen must be {drawing.SIDE}x{drawing.SIDE} pixels, got {pixels.shape[1]}x{pixels.shape[0]}")
    return pixels


def _from_picture(pixels):
    try:
        return drawing.as_mnist(drawing.ink_of_picture(pixels))
    except ValueError as error:
        raise BadRequest(str(error)) from None


IMAGES = {"drawing": drawing.as_mnist, "picture": _from_picture, "seen": _as_seen}
"""What makes a 28x28 image of each kind of pixels."""


def _pixels(kind, given):
    """The pixels (H, W) uint8 of {"width", "height", "pixels"}."""
    if not isinstance(given, dict):
        raise BadRequest(f"{kind} must be an object with width, height and pixels, got {_short(given)}")
    _fields(given, "width", "height", "pixels", what=kind)
    width, height = (_integer(name, given[name], 1, LARGEST_SIDE) for name in ("width", "height"))
    if not isinstance(given["pixels"], str):
        raise BadRequest(f"pixels must be base64 text, got {_short(given['pixels'])}")
    try:
        data = base64.b64decode(given["pixels"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"pixels must be base64 text: {error}") from None
    if len(data) != width * height:
        raise BadRequest(f"pixels must be {width * height} bytes for {width}x{height}, got {len(data)}")
    return np.frombuffer(data, np.uint8).reshape(height, width)


def _fields(given, *required, optional=(), what="the request"):
    if missing := [name for name in required if name not in given]:
        raise BadRequest(f"{what} lacks {', '.join(missing)}")
    if unknown := [name for name in given if name not in (*required, *optional)]:
        raise BadRequest(f"{what} has an unknown field {_short(unknown[0])}")


def _target(request):
    return _integer("target", request["target"], 0, 9)


def _criterion(request):
    criterion = request.get("criterion", "rbf")
    if not isinstance(criterion, str) or criterion not in view.CRITERIA:
        raise BadRequest(f"criterion must be one of {', '.join(view.CRITERIA)}, got {_short(criterion)}")
    return criterion


def _lr(request):
    lr = request.get("lr", LR)
    if isinstance(lr, bool) or not isinstance(lr, (int, float)) or not 0 < lr <= LARGEST_LR:
        raise BadRequest(f"lr must be a number above 0 and at most {LARGEST_LR}, got {_short(lr)}")
    return float(lr)


def _integer(name, value, lowest, highest):
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise BadRequest(f"{name} must be an integer from {lowest} to {highest}, got {_short(value)}")
    return value


def _short(value):
    """A value from outside, cut to what fits a message."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
