"""Stand-in for the vendor's `aclruntime`: no device, and no way to take it for one."""

from simulated.module import names

globals().update(names())
__simulated__ = True
