"""The texts that shipped models have read, fetched where they are missing."""
