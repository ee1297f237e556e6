"""Who may do what: users, roles, sessions, tokens, and the trail of what they did."""
