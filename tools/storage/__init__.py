"""Artifacts found again by the digest of what shaped them: how a stage is found or run, and how they are carried elsewhere."""
