"""One folder for each outside system, and the ports that they answer to."""
