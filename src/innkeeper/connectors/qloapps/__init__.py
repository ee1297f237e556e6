"""The connector to QloApps, the broker to the booking channels: 1.7.0 and the 2024 development snapshot."""

from innkeeper.connectors.qloapps.config import BLOCK_PREFIX, REFERENCE_PREFIX, QloAppsSettings
from innkeeper.connectors.qloapps.connector import QloAppsConnector, connector_from

__all__ = ["BLOCK_PREFIX", "REFERENCE_PREFIX", "QloAppsConnector", "QloAppsSettings", "connector_from"]
