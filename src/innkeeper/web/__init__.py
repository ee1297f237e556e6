"""What browsers see: the app, its pages and their assets; routes of a context live with the context."""
