"""The fast step: a network becomes a fixed list of primitives over arrays made once.

``program.py`` walks a network and makes the list, ``primitives.py`` says what each primitive means in plain arrays,
``cpu.py`` and ``cuda.py`` which loops and kernels compute it, ``towers.py`` which of them are one kernel on a GPU.
``steps.py`` trains with it, ``prediction.py`` predicts, ``resampling.py`` distorts images.
"""

from minicnn.compiled.forms import describe
from minicnn.compiled.threads import thread_count

__all__ = ["describe", "thread_count"]
