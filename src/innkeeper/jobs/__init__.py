"""Durable background work: rows that say what is to be done, and workers that do it."""
