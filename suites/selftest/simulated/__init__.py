"""Stand-ins for an Ascend host: its runtime module, compiler and status tool; nothing here is a device."""
