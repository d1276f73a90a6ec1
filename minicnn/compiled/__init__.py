"""The fast step: a network becomes a fixed list of primitives over arrays made once."""
