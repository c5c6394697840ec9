"""From arrays and a seed to text."""

import os

# Official builds of ONNX Runtime (since 1.29, on Linux too) report their use to Microsoft: an
# uploader thread, an identifier and a database in the home directory. Whether they do is decided by
# this variable when onnxruntime is first imported, which happens below this package only.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
