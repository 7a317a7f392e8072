"""What every process needs of its machine: files, locks, child processes and their events, memory, installed versions."""
