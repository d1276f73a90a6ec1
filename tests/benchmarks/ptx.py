"""Runs one block of a CUDA kernel from its PTX, as NVRTC compiled it, and counts what it does; needs no GPU.

All threads of the block go through the text together: the instruction that is furthest behind runs next, for those
threads that stand there, as NumPy arrays with an element a thread. So the code that a GPU would get is run, not a
second reading of the source, and every address is known. For each warp of 32 threads a clock tells how long it would
take by itself: a result is there LATENCY cycles after its operands, and a branch or barrier waits for all before it. A
short branch does not, for CUDA's assembler guards single instructions in its place. Within a stretch without branches
the order is free, for the assembler puts loads first.
"""

import re
from collections import Counter

import numpy as np

WARP = 32

LATENCY = {"alu": 4, "special": 20, "shared": 30, "global": 270, "divide": 40, "store": 1, "barrier": 20}
"""Cycles until a result can be used, of an H100: published measurements, rounded. Global memory is what the
second-level cache has."""

SCHEDULERS = 4
"""Of a multiprocessor: each starts an instruction of one of its warps a cycle."""

SHORT = 7
"""Instructions, at most, that a branch may jump over and still become no branch."""

TYPES = {
    "s8": np.int8, "u8": np.uint8, "b8": np.uint8, "s16": np.int16, "u16": np.uint16, "b16": np.uint16,
    "s32": np.int32, "u32": np.uint32, "b32": np.uint32, "s64": np.int64, "u64": np.uint64, "b64": np.uint64,
    "f32": np.float32, "f64": np.float64, "pred": np.bool_,
}  # fmt: skip

SHARED = 1 << 40
"""Where shared memory begins among all addresses."""

COMPARE = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "neu": np.not_equal, "lo": np.less, "ls": np.less_equal, "hi": np.greater, "hs": np.greater_equal,
}  # fmt: skip

_ENTRY = re.compile(r"\.visible \.entry (\w+)\(([^)]*)\)(.*?)\n\}", re.DOTALL)
_LINE = re.compile(r"(?:@(!?)(%p\d+)\s+)?([\w.]+)\s*(.*);$")


class Kernel:
    """A kernel's instructions; ``kernels(text)`` finds all of a module."""

    def __init__(self, name, parameters, body):
        self.name = name
        self.parameters = re.findall(r"\.param \.(\w+) (\w+)", parameters)
        self.code, self.labels, self.static, self.shared = [], {}, 0, {}
        for line in (line.split("//")[0].strip() for line in body.splitlines()):
            if match := re.match(r"\.shared \.align (\d+) \.b8 (\w+)\[(\d+)\]", line):
                align, symbol, size = int(match[1]), match[2], int(match[3])
                self.static = -(-self.static // align) * align
                self.shared[symbol] = self.static
                self.static += size
            elif line.endswith(":"):
                self.labels[line[:-1]] = len(self.code)
            elif (match := _LINE.match(line)) and not line.startswith("."):
                operands = re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s]+", match[4])
                self.code.append((match[2], bool(match[1]), match[3].split("."), operands))
        self.short = {at for at, (_, _, name, _) in enumerate(self.code) if name[0] == "bra" and self._is_short(at)}

    def _is_short(self, at):
        """Whether CUDA's assembler guards what a branch jumps over instead of branching."""
        over = self.code[at + 1 : self.labels[self.code[at][3][0]]]
        return 0 < len(over) <= SHORT and not any(name[0] in ("bra", "bar", "ret") for _, _, name, _ in over)


def kernels(text):
    """{name: Kernel} of a module."""
    return {name: Kernel(name, parameters, body) for name, parameters, body in _ENTRY.findall(text)}


class Block:
    """A block of a grid on its way through a kernel.

    arguments: a scalar of NumPy for each parameter, arrays as addresses in ``memory``, the bytes of the device;
    dynamic: bytes of shared memory that the launch asks for; bandwidth: bytes a cycle that the copy engine gets from
    global memory. ``run()`` runs it to the end; then ``counts`` has the instructions by kind, in warps, and what they
    moved, ``cycles`` the time of the slowest warp, and ``stages`` both, (cycles, counts), for each stretch between
    barriers; there, "issue" is what the busiest of SCHEDULERS starts.
    """

    def __init__(self, kernel, arguments, memory, grid, block, index=(0, 0, 0), dynamic=0, bandwidth=64):
        self.kernel, self.memory, self.bandwidth = kernel, memory, bandwidth
        self.threads = int(np.prod(block))
        lanes = np.arange(self.threads, dtype=np.uint32)
        x, y, _ = (*block, 1, 1)[:3]
        self.special = {"%tid.x": lanes % x, "%tid.y": lanes // x % y, "%tid.z": lanes // (x * y)}
        for name, sizes in (("%ntid", block), ("%nctaid", grid), ("%ctaid", index)):
            self.special |= {f"{name}.{axis}": np.uint32(n) for axis, n in zip("xyz", (*sizes, 1, 1)[:3])}
        self.arguments = {name: value for (_, name), value in zip(kernel.parameters, arguments, strict=True)}
        self.dynamic = -(-kernel.static // 16) * 16
        self.shared = np.full(self.dynamic + dynamic + 16 & ~7, 0xFF, np.uint8)
        self.registers, self.counts = {}, Counter()
        warps = -(-self.threads // WARP)
        self.clock, self.ready, self.settled, self.sent = np.zeros(warps), {}, np.zeros(warps), {}
        self.stages, self.begun, self.issued, self.counted = [], 0.0, np.zeros(warps), Counter()

    def run(self):
        code, here = self.kernel.code, np.zeros(self.threads, np.int64)
        waiting, alive = np.zeros(self.threads, bool), np.ones(self.threads, bool)
        with np.errstate(all="ignore"):
            while alive.any():
                runs = alive & ~waiting
                if not runs.any():  # all have come to the barrier
                    self.clock[:] = max(self.clock.max(), self.settled.max()) + LATENCY["barrier"]
                    self.settled[:] = 0
                    self._end_stage(float(self.clock[0]))
                    waiting[:] = False
                    continue
                at = int(here[runs].min())
                active = runs & (here == at)
                guard, negated, name, operands = code[at]
                taken = active
                if guard is not None:
                    taken = active & (self.registers[guard] ^ negated)
                here[active] += 1
                warps = self._warps(active)
                if name[0] in ("bra", "bar", "ret"):
                    since = self.clock if at in self.kernel.short else np.maximum(self.clock, self.settled)
                    self.clock[warps] = since[warps] + 1
                    if guard is not None:
                        self.clock[warps] = np.maximum(self.clock, self._ready(guard))[warps]
                    self.counts["control"] += warps.sum()
                    if name[0] == "bra":
                        here[taken] = self.kernel.labels[operands[0]]
                    elif name[0] == "bar":
                        waiting |= taken
                        self.counts["barriers"] += 1
                    else:
                        alive &= ~taken
                elif name[0] in ("cp", "mbarrier", "fence"):
                    self._send(name, operands, taken)
                elif taken.any():
                    self._execute(name, operands, taken)
        self.cycles = float(max(self.clock.max(), self.settled.max()))
        self._end_stage(self.cycles)
        return self

    def _end_stage(self, now):
        counts = self.counts - self.counted
        counts["issue"] = max(self.issued[first::SCHEDULERS].sum() for first in range(SCHEDULERS))
        self.stages.append((now - self.begun, counts))
        self.begun, self.issued, self.counted = now, 0 * self.issued, self.counts.copy()

    # ------------------------------------------------------------------------------------------ one instruction

    def _execute(self, name, operands, active):
        base, dtype = name[0], TYPES[next(part for part in reversed(name) if part in TYPES)]
        warps = self._warps(active)
        self.counts["instructions"] += warps.sum()
        self.issued += warps
        self.clock[warps] += 1
        kind = "alu"
        if base in ("ld", "st"):
            kind = self._access(base, name, dtype, operands, active, warps)
        else:
            if base in ("ex2", "lg2", "rcp", "sqrt"):
                kind = "special"
            elif base in ("div", "rem"):
                kind = "divide"
            elif dtype in (np.float32, np.float64) and base in ("fma", "add", "sub", "mul"):
                self.counts["multiply-adds"] += warps.sum()
            self.counts[kind] += warps.sum()
            values = [self._value(o, self._operand_type(base, name, dtype, i)) for i, o in enumerate(operands[1:])]
            self._write(operands[0], OPERATIONS[base](name, dtype, *values), active)
        sources = operands if base == "st" else operands[1:]
        targets = () if base == "st" else re.findall(r"%\w+", operands[0])
        start = self.clock.copy()
        for register in re.findall(r"%(?:r|rd|f|fd|p|rs)\d+", " ".join(sources)):
            start = np.maximum(start, self._ready(register))
        done = np.where(warps, start + LATENCY[kind], 0)
        for register in targets:
            self.ready[register] = np.where(warps, done, self._ready(register))
        self.settled = np.maximum(self.settled, done)

    def _send(self, name, operands, active):
        """The copy engine: cp sends bytes to shared memory, and tells a word there; mbarrier.try_wait waits for it."""
        warps = self._warps(active)
        self.counts["instructions"] += warps.sum()
        self.issued += warps
        self.clock[warps] += 1
        if name[:2] not in (["cp", "async"], ["mbarrier", "try_wait"]) or not active.any():
            return
        numbers = [self._value(o.strip("[]"), np.uint64) for o in operands if re.match(r"\[?%", o)]
        numbers = [int(np.broadcast_to(n, self.threads)[active][0]) for n in numbers]
        if name[0] == "mbarrier":
            self._write(operands[0], np.ones(self.threads, np.bool_), active)
            self.clock[warps] = np.maximum(self.clock, self.sent[numbers[0]])[warps]
            return
        to, source, size, word = numbers
        self.shared[to : to + size] = self.memory[source : source + size]
        self.sent[word] = self.clock[warps].max() + LATENCY["global"] + size / self.bandwidth
        self.counts["copied sectors"] += size // 32

    def _operand_type(self, base, name, dtype, position):
        if base == "cvt":
            return TYPES[name[-1]]
        if base in ("selp", "setp") and position == 2:
            return np.bool_
        if base in ("shl", "shr") and position == 1:
            return np.uint32
        return dtype

    def _access(self, base, name, dtype, operands, active, warps):
        if base == "ld" and name[1] == "param":
            self._write(operands[0], self.arguments[operands[1].strip("[]").split("+")[0]].view(dtype), active)
            return "alu"
        where = operands[0] if base == "st" else operands[1]
        register, _, plus = where.strip("[]").partition("+")
        given = self.registers.get(register)
        given = self._value(register, np.uint64) if given is None else given.view(f"u{given.itemsize}")
        address = np.broadcast_to(given, self.threads).astype(np.int64) + int(plus or 0)
        at_shared = name[1] == "shared" or (name[1] != "global" and bool((address[active] >= SHARED).all()))
        space = self.shared if at_shared else self.memory
        address = address & (SHARED - 1) if at_shared else address
        size, vector = np.dtype(dtype).itemsize, re.findall(r"[^{},\s]+", operands[1 if base == "st" else 0])
        view = space.view(dtype)
        for number, element in enumerate(vector):
            index = address[active] // size + number
            if base == "ld":
                value = np.zeros(self.threads, dtype)
                value[active] = view[index]
                self._write(element, value, active)
            else:
                view[index] = np.broadcast_to(self._value(element, dtype), self.threads)[active]
        bytes_ = size * len(vector)
        if at_shared:
            self.counts["shared accesses"] += warps.sum()
            self.counts["shared wavefronts"] += self._wavefronts(address, active, bytes_)
        else:
            self.counts["global accesses"] += warps.sum()
            self.counts["global sectors"] += self._distinct(address // 32, active)
        return "store" if base == "st" else "shared" if at_shared else "global"

    def _wavefronts(self, address, active, size):
        """How often shared memory is asked: it gives 32 words at a time, one from each bank."""
        total = 0
        for start in range(0, self.threads, WARP):
            lanes = np.flatnonzero(active[start : start + WARP]) + start
            if len(lanes):
                words = np.unique(address[lanes, None] // 4 + np.arange(max(1, size // 4)))
                total += np.bincount(words % 32).max()
        return total

    def _distinct(self, places, active):
        return sum(len(np.unique(places[start : start + WARP][active[start : start + WARP]]))
                   for start in range(0, self.threads, WARP))  # fmt: skip

    # ---------------------------------------------------------------------------------------------- registers

    def _warps(self, active):
        padded = np.zeros(len(self.clock) * WARP, bool)
        padded[: self.threads] = active
        return padded.reshape(-1, WARP).any(axis=1)

    def _ready(self, register):
        return self.ready.get(register, 0 * self.clock)

    def _value(self, text, dtype):
        if text in self.registers:
            value = self.registers[text]
            if value.dtype == dtype or dtype == np.bool_:
                return value
            return value.view(dtype) if value.itemsize == np.dtype(dtype).itemsize else value.astype(dtype)
        if text in self.special:
            return self.special[text].view(dtype) if np.dtype(dtype).itemsize == 4 else self.special[text]
        if text[:2] in ("0f", "0F"):
            return np.uint32(int(text[2:], 16)).view(np.float32)
        if text[:2] in ("0d", "0D"):
            return np.uint64(int(text[2:], 16)).view(np.float64)
        if re.fullmatch(r"-?\d+", text):
            return np.array(int(text) & (1 << 64) - 1, np.uint64).astype(dtype, casting="unsafe")[()]
        offset = self.kernel.shared.get(text, self.dynamic)  # the name of a variable in shared memory
        return np.array(offset, dtype)[()]

    def _write(self, register, value, active):
        value = np.broadcast_to(value, self.threads)
        width = {"%rs": 2, "%r": 4, "%rd": 8}.get(register.rstrip("0123456789"), value.itemsize)
        if value.itemsize != width:  # bytes have no registers of their own
            value = value.astype(f"u{width}")
        if active.all() or register not in self.registers:
            self.registers[register] = value.copy()
        else:
            old = self.registers[register]
            self.registers[register] = np.where(active, value, old.view(value.dtype) if old.dtype != bool else old)


def _divide(a, b):
    if a.dtype.kind == "f":
        return a / b
    quotient = np.abs(a.astype(np.int64)) // np.maximum(np.abs(b.astype(np.int64)), 1)
    return (quotient * np.sign(a.astype(np.int64)) * np.sign(b.astype(np.int64))).astype(a.dtype)


def _wide(dtype):
    return np.int64 if np.dtype(dtype).kind == "i" else np.uint64


def _multiply(name, dtype, a, b, c=0):
    if "wide" in name:
        return a.astype(_wide(dtype)) * b.astype(_wide(dtype)) + c
    if "hi" in name:
        return (a.astype(_wide(dtype)) * b.astype(_wide(dtype)) >> 32).astype(dtype)
    return (a * b + c).astype(dtype)


def _fused(name, dtype, a, b, c):
    wide = np.float64 if dtype == np.float32 else np.longdouble
    exact = a.astype(wide) * b.astype(wide) + c.astype(wide)
    rounded = exact.astype(dtype)
    return np.where(rounded > exact, np.nextafter(rounded, dtype(-np.inf)), rounded) if "rm" in name else rounded


def _convert(name, dtype, a):
    target = TYPES[name[-2]]
    value = a.astype(target)
    return np.clip(value, 0, 1) if "sat" in name else value


def _compare(name, dtype, a, b):
    value = COMPARE[name[1]](a, b)
    return value | np.isnan(a) | np.isnan(b) if name[1] == "neu" else value


OPERATIONS = {
    "mov": lambda n, t, a: a,
    "cvta": lambda n, t, a: a + t(SHARED) if "shared" in n and "to" not in n else a,
    "cvt": _convert, "setp": _compare, "fma": _fused, "mad": _multiply, "mul": _multiply,
    "add": lambda n, t, a, b: (a + b).astype(t), "sub": lambda n, t, a, b: (a - b).astype(t),
    "div": lambda n, t, a, b: _divide(a, b), "rem": lambda n, t, a, b: (a - _divide(a, b) * b).astype(t),
    "neg": lambda n, t, a: (-a).astype(t), "abs": lambda n, t, a: np.abs(a),
    "min": lambda n, t, a, b: np.minimum(a, b), "max": lambda n, t, a, b: np.maximum(a, b),
    "and": lambda n, t, a, b: a & b, "or": lambda n, t, a, b: a | b, "xor": lambda n, t, a, b: a ^ b,
    "not": lambda n, t, a: ~a, "shl": lambda n, t, a, b: (a << b.astype(t)).astype(t),
    "shr": lambda n, t, a, b: (a >> b.astype(t)).astype(t),
    "selp": lambda n, t, a, b, p: np.where(p, a, b), "rcp": lambda n, t, a: (1 / a).astype(t),
    "ex2": lambda n, t, a: np.exp2(a), "lg2": lambda n, t, a: np.log2(a), "sqrt": lambda n, t, a: np.sqrt(a),
    "copysign": lambda n, t, a, b: np.copysign(b, a),
}  # fmt: skip
