"""The version of the program; pyproject.toml and the card read it from here."""

__version__ = "1.0.0"
