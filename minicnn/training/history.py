"""What happened in every epoch: one JSON line each."""

import json
import os

from minicnn.errors import CheckpointError
from minicnn.files import atomic_write


class History:
    """A list of records, one dict an epoch; with a ``path`` the file is rewritten whole at every ``append``.

    ``interrupted`` says that training ended before its last epoch because someone asked it to.
    """

    def __init__(self, path=None, records=()):
        self.path = path
        self.records = list(records)
        self.interrupted = False

    def __len__(self):
        return len(self.records)

    def __iter__(self):
        return iter(self.records)

    def __getitem__(self, index):
        return self.records[index]

    def append(self, record):
        self.records.append(record)
        if self.path is not None:
            with atomic_write(self.path, "w") as file:
                file.writelines(json.dumps(r) + "\n" for r in self.records)

    @classmethod
    def load(cls, path):
        """Read what ``append`` wrote; an empty History where there is no file, CheckpointError for another."""
        if not os.path.exists(path):
            return cls(path)
        try:
            with open(path, encoding="utf-8") as file:
                return cls(path, [json.loads(line) for line in file])
        except ValueError as error:
            raise CheckpointError(f"{path} is not a history of one JSON line an epoch: {error}") from error
