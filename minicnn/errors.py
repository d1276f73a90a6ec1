"""Everything that goes wrong for a reason of minicnn's own. Bad arguments raise ValueError or TypeError."""


class MinicnnError(Exception):
    """The common base: ``except minicnn.errors.MinicnnError`` catches all of them."""


class DataFileError(MinicnnError, ValueError):
    """A data file is missing, damaged, or not what its name says."""


class CheckpointError(MinicnnError, ValueError):
    """A checkpoint cannot be read, or belongs to another network."""


class BackendNotAvailableError(MinicnnError, RuntimeError):
    """The backend asked for cannot run here; the message says what is missing and how to get it."""


class DeviceMemoryError(MinicnnError, MemoryError):
    """The GPU has too little memory; the message says how much was asked for and how to ask for less."""


class DeviceError(MinicnnError, RuntimeError):
    """The GPU failed while it computed; the message says how, and what to go on from."""


class DivergedError(MinicnnError, ArithmeticError):
    """Training produced a loss that is not finite; the message names the epoch and the batch."""


class RankError(MinicnnError, RuntimeError):
    """Processes cannot train together: one has failed, or is not like the others; the message says which."""
