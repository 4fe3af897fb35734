"""Evaluation: agents on the same days, weather and disturbances, and a card of what each made of them."""

from gridpilot.evaluation.card import Card, card_of
from gridpilot.evaluation.episode import Episode, Score, episode_of, score
from gridpilot.evaluation.evaluate import Conditions, Evaluation, Progress, evaluate, play
from gridpilot.evaluation.intervals import Estimate, estimate, paired_difference
from gridpilot.evaluation.table import Row, table

__all__ = [
    "Card", "Conditions", "Episode", "Estimate", "Evaluation", "Progress", "Row", "Score", "card_of", "episode_of", "estimate",
    "evaluate", "paired_difference", "play", "score", "table",
]  # fmt: skip
