"""What a process needs of its machine: files, locks, child processes and their events, memory, versions."""
