"""Makes the checks that are shared with tests/backend importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "backend"))
