"""Models that are taken away and brought in."""
