"""From measured numbers and stored truth to verdicts, rows and tables."""
