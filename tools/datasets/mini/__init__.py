"""The mini data sets: clips and feature sequences that the harness makes itself."""
