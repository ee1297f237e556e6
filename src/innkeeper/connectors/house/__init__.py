"""Our own house as a PMS."""

from innkeeper.connectors.house.connector import HouseConnector

__all__ = ["HouseConnector"]
