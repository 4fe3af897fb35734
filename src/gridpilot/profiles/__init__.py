"""Time series of load, weather and prices: readers, shipped real data, a synthetic generator, and forecasts."""

from gridpilot.profiles.catalogue import DEFAULT, load_profiles, profile_names
from gridpilot.profiles.describe import describe, import_csv, list_profiles, profile_info
from gridpilot.profiles.forecast import DayAhead, Forecaster, NoisyPersistence, forecaster_of, published
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.profiles.sessions import Sessions, draw_sessions, with_sessions

__all__ = [
    "DEFAULT",
    "DayAhead",
    "Forecaster",
    "NoisyPersistence",
    "Profiles",
    "Sessions",
    "describe",
    "draw_sessions",
    "forecaster_of",
    "import_csv",
    "list_profiles",
    "load_profiles",
    "make_profiles",
    "profile_info",
    "profile_names",
    "published",
    "with_sessions",
]
