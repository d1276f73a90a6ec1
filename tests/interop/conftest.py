"""Makes this folder's helper module and the layers' cases importable."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "layers")]
