"""Other tools' results and logs, and measurements that become stored numbers."""
