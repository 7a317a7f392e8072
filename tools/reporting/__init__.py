"""Runs as pages: what a run measured and judged, told to people in one file."""
