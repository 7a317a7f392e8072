"""What earlier nights measured: records on disk, which of them compare, and what a person has accepted."""
