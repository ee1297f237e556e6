"""A whole hotel on one machine, to look at: Innkeeper between simulated systems, with people who use all of it."""

from innkeeper.demo.town import run_demo

__all__ = ["run_demo"]
