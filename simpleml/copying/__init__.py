"""What of a text stands verbatim in a corpus, and keeping that short."""
