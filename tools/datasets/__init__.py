"""Lists and annotations to verified clips and videos."""
