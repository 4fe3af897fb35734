"""The step protocol: one requester asks many responders, once per step, over any broker and any faults.

A request has an identity (run, epoch, episode, step, phase). It is sent again until it is answered or its time is over; a responder
carries it out once and answers repeats from memory. Late and double replies are counted and dropped. A newer epoch fences an older off.
"""

from gridpilot.messages.steps.answers import Answers, Received
from gridpilot.messages.steps.awaited import Awaited, Watch, unwatched
from gridpilot.messages.steps.question import Answer, Question
from gridpilot.messages.steps.requester import Requester
from gridpilot.messages.steps.responder import Responder
from gridpilot.messages.steps.session import StepSession
from gridpilot.messages.steps.settings import MODES, StepSettings

__all__ = [
    "MODES",
    "Answer",
    "Answers",
    "Awaited",
    "Question",
    "Received",
    "Requester",
    "Responder",
    "StepSession",
    "StepSettings",
    "Watch",
    "unwatched",
]
