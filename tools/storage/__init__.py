"""Keeps what was built, finds it by a digest of all that shaped it, and carries it to other machines."""
