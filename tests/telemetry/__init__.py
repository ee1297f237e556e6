"""Tests of logs, metrics, health and alerts."""
