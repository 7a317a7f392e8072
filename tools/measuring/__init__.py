"""Runs a cell on its device, and torch on the same clips; both save predictions before they are judged."""
