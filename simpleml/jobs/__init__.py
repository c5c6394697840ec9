"""Trainings that are asked for over HTTP: kept as files, run one at a time beside the server."""
