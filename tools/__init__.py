"""How things are done: files here are commands, which `python -m tools` lists; folders are rooms.

A room imports only rooms that stand before it in the table of suites/selftest/whole/test_arrow.py.
"""
