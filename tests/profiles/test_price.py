"""A drawn price follows scarcity, and is a function of seed and instant only."""

from __future__ import annotations

import numpy as np
import pytest

from gridpilot.errors import UnknownNameError
from gridpilot.profiles import Market, Profiles, load_profiles, with_price
from gridpilot.profiles.columns import PRICE
from gridpilot.profiles.price import COLUMN

MARKET = Market("load_mv_rural_p_pu", "solar_PV1_pu", "wind_WP7_pu")


def price_of(profiles: Profiles) -> np.ndarray:
    return profiles.values[:, profiles.column(COLUMN)]


@pytest.fixture(scope="module")
def simbench() -> Profiles:
    return load_profiles("simbench")


def test_it_is_one_more_column_and_leaves_the_others_alone(simbench: Profiles) -> None:
    priced = with_price(simbench, MARKET)
    assert priced.columns == (*simbench.columns, COLUMN)
    assert priced.kinds[-1] == PRICE
    np.testing.assert_array_equal(priced.values[:, :-1], simbench.values)
    assert "seed 0" in priced.source


def test_it_is_high_when_demand_is_and_low_in_sun_and_wind(simbench: Profiles) -> None:
    """Sun and wind are judged by what demand leaves unexplained: a sunny hour is one of high demand too."""
    price = price_of(with_price(simbench, MARKET))
    demand, solar, wind = (simbench.values[:, simbench.column(name)] for name in (MARKET.demand, MARKET.solar, MARKET.wind))
    assert np.corrcoef(price, demand)[0, 1] > 0.5
    rest = price - np.polyval(np.polyfit(demand, price, 1), demand)
    assert np.corrcoef(rest, solar)[0, 1] < -0.2
    assert np.corrcoef(rest, wind)[0, 1] < -0.2


def test_a_window_has_the_prices_of_the_whole(simbench: Profiles) -> None:
    whole, part = with_price(simbench, MARKET), with_price(simbench.window(5000, 700), MARKET)
    # The formula takes peaks, which a window keeps from its source.
    np.testing.assert_allclose(price_of(part), price_of(whole)[5000:5700], atol=1e-9)


def test_seeds_differ_and_repeat(simbench: Profiles) -> None:
    one, again, other = (price_of(with_price(simbench, Market(*(MARKET.demand, MARKET.solar, MARKET.wind), seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 1.0


def test_a_column_that_is_not_there_is_named(simbench: Profiles) -> None:
    with pytest.raises(UnknownNameError, match="load_nowhere_pu"):
        with_price(simbench, Market("load_nowhere_pu", MARKET.solar, MARKET.wind))
