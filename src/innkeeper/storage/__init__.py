"""Where rows live: engine, transactions, column types, secrets, migrations."""
