"""What happened in every epoch: one JSON line each."""

import json

from minicnn.errors import CheckpointError
from minicnn.files import atomic_write, open_file


class History:
    """A list of records, one dict an epoch; with a ``path`` the file is rewritten whole at every ``append``.

    ``interrupted`` says that training ended before its last epoch because someone asked it to, ``signal`` by which
    signal (None: nobody did).
    """

    def __init__(self, path=None, records=()):
        self.path = path
        self.records = list(records)
        self.interrupted, self.signal = False, None

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
