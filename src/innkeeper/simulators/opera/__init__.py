"""An OPERA Cloud that lives in memory and answers by Oracle's published REST specifications."""

from innkeeper.simulators.opera.app import OperaApp, opera_app
from innkeeper.simulators.opera.desk import FrontDesk
from innkeeper.simulators.opera.state import HotelState

__all__ = ["FrontDesk", "HotelState", "OperaApp", "opera_app"]
