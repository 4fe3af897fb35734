"""Time series of load, weather and prices: readers, shipped real data, a synthetic generator, charging sessions, and forecasts."""

from gridpilot.profiles.acn import load_acn
from gridpilot.profiles.catalogue import DEFAULT, load_profiles, profile_names
from gridpilot.profiles.describe import describe, import_csv, list_profiles, profile_info
from gridpilot.profiles.forecast import DayAhead, Forecaster, NoisyPersistence, forecaster_of, published
from gridpilot.profiles.price import Market, with_price
from gridpilot.profiles.profiles import Profiles, make_profiles
from gridpilot.profiles.sessions import Cars, Habits, Sessions, draw_sessions, with_sessions

__all__ = [
    "DEFAULT",
    "Cars",
    "DayAhead",
    "Forecaster",
    "Habits",
    "Market",
    "NoisyPersistence",
    "Profiles",
    "Sessions",
    "describe",
    "draw_sessions",
    "forecaster_of",
    "import_csv",
    "list_profiles",
    "load_acn",
    "load_profiles",
    "make_profiles",
    "profile_info",
    "profile_names",
    "published",
    "with_price",
    "with_sessions",
]
