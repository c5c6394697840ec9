"""The clients of the fault tests serve here too."""

import sys
from pathlib import Path

_faults = str(Path(__file__).resolve().parent.parent / "faults")
if _faults not in sys.path:
    sys.path.insert(0, _faults)
