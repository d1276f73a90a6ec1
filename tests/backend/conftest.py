"""Makes this folder's helper modules importable, and a CupyBackend that runs without a GPU."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from device_fixtures import device, fake_cupy  # noqa: F401
