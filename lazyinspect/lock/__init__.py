"""Locks: the text that pins a network's shapes, and what changed since, by cause. No torch here."""
