"""Which pictures a command line names."""

import io

STDIN = "-"


def pictures(files, stdin):
    """(name, file) of each: a path, or an open file for a picture that came by standard input."""
    for name in files:
        if name != STDIN:
            yield name, name
            continue
        stream = stdin.buffer
        first = stream.peek(1)
        if is_text(first):
            for line in stdin:  # as they come, from a program that is still at work
                if path := line.rstrip("\r\n"):
                    yield path, path
        else:
            picture = io.BytesIO(stream.read())
            picture.name = "standard input"
            yield picture.name, picture


def is_text(beginning):
    """Whether the beginning of a stream is of text: a picture's has bytes that no text has, or is a PNM header.

    >>> is_text(b"one.png"), is_text(b"P5 28 28 255 "), is_text(b"GIF89a,\\0")
    (True, False, False)
    """
    if b"\0" in beginning or (beginning[:1] == b"P" and beginning[1:2] in b"123456" and beginning[2:3].isspace()):
        return False
    try:
        beginning.decode()
    except UnicodeDecodeError as error:
        return error.end == len(beginning)  # cut within a character
    return True
