"""Trainings that are asked for over HTTP: kept as files, run beside the server or on a cluster."""
