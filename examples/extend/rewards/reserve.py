"""Reserve: the part of the demand that only the slack unit's deviation has met, squared: large deviations weigh more."""

from gridpilot.jit import kernel
from gridpilot.rewards.term import Facts, RewardTerm, per_demand
from gridpilot.values import Floats


@kernel
def evaluate(facts: Facts) -> Floats:
    """The term of every element `[B]`."""
    return -(per_demand(facts.slack_deviation_mwh, facts) ** 2) * facts.dt_h


TERM = RewardTerm(
    name="reserve",
    weight=1.0,
    unit="an hour with the whole demand unscheduled",
    formula="−(|slack output − schedule| / demand)² · dt",
    evaluate=evaluate,
)
