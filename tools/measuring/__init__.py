"""A cell measured on a device, and torch on the same clips: both leave predictions."""
