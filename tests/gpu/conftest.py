"""Makes the checks that are shared with tests/backend and tests/compiled importable."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("compiled", "backend")]
