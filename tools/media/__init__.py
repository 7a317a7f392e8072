"""One clip: decodes it, samples its frames, crops, normalises, and puts it into a batch."""
