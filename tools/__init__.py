"""How things are done: files here are commands, `python -m tools.<command>`; folders are rooms, and a room imports only rooms below it."""
