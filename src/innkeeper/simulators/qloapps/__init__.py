"""A QloApps that lives in memory and answers its WebService as the recordings of two real ones do."""

from innkeeper.simulators.qloapps.app import QloAppsApp, qloapps_app
from innkeeper.simulators.qloapps.state import ShopState

__all__ = ["QloAppsApp", "ShopState", "qloapps_app"]
