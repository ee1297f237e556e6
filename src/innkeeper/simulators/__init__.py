"""Stand-ins for outside systems that speak the real wire, shipped with the product, with a fault dial."""
