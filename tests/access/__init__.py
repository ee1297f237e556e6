"""Tests of users, sessions, tokens, roles and the trail."""
