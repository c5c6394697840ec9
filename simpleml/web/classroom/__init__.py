"""A class on a local network: pupils by link, turns, a teacher, a wall. Off by default."""
