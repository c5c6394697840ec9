"""Training over HTTP: /v1/train."""
