"""What happened in every epoch: one JSON line each."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from minicnn.errors import CheckpointError
from minicnn.files import atomic_write, open_file
from minicnn.typing import FilePath, Self

Record: TypeAlias = dict[str, Any]
"""What ``fit`` says of an epoch."""


class History:
    """A list of records, one dict an epoch; with a ``path`` the file is rewritten whole at every ``append``.

    ``interrupted`` says that training ended before its last epoch because someone asked it to, ``signal`` by which
    signal (None: nobody did).
    """

    def __init__(self, path: FilePath | None = None, records: Iterable[Record] = ()) -> None:
        self.path = path
        self.records = list(records)
        self.interrupted, self.signal = False, None

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def append(self, record: Record) -> None:
        """Take an epoch's record, and rewrite the file if there is one: an OSError if it cannot be written."""
        self.records.append(record)
        if self.path is not None:
            with atomic_write(self.path, "w") as file:
                file.writelines(json.dumps(r) + "\n" for r in self.records)

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Read what ``append`` wrote; an empty History where there is no file, CheckpointError for another."""
        try:
            with open_file(path) as file:
                records = [json.loads(line) for line in str(file.read(), "utf-8").splitlines()]
        except FileNotFoundError:
            return cls(path)
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path} is not a history of one JSON line an epoch: {error}") from error
        if not all(isinstance(record, dict) for record in records):
            raise CheckpointError(f"{path} is not a history of one JSON line an epoch: a line is no mapping")
        return cls(path, records)
