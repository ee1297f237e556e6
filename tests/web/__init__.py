"""Tests of the app, its pages and its answers."""
