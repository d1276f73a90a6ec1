"""The page to draw on: LeNet-5 in the browser, without a server. ``minicnn draw`` opens it.

static/: the page as it stands, with the engine once more in JavaScript; arrays: the one file format between the two;
contents: what the page needs from Python, weights and digits; bundle: the page as one script, for file: addresses;
export: all of it in a folder; serve: that folder at a loopback address.
"""
