"""OPERA Cloud, through the Oracle Hospitality Integration Platform (OHIP)."""

from innkeeper.connectors.opera.config import OperaSettings
from innkeeper.connectors.opera.connector import OperaConnector, opera_connector

__all__ = ["OperaConnector", "OperaSettings", "opera_connector"]
