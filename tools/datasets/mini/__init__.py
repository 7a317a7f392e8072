"""The embedded data sets, which the harness makes itself."""
