"""Stand-ins for an Ascend host: its runtime module, its compiler and its status tool; nothing here is a device."""
