"""Innkeeper: the hub that keeps a hotel's systems in step."""
