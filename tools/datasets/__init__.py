"""From lists and annotations to clips and videos whose files have been read once and found good."""
