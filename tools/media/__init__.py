"""One clip: decoded, sampled, cropped, normalised, and put into batches."""
