"""What the program tells about itself: logs, metrics, health, alerts; never a secret, never a guest."""
