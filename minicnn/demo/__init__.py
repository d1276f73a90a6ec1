"""A live page: draw a digit and watch LeNet-5 read it. ``python -m minicnn.demo`` serves it.

drawing: from strokes to a digit as MNIST has them; view: what the page shows, from the engine; api: the questions it
may ask; sessions, limits, handler, server: how they travel; page/: the page itself.
"""
