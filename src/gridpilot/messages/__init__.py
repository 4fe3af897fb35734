"""Messages between the grid's controllers: one seam over every broker, typed and signed envelopes, and the step protocol."""

from gridpilot.messages.address import Security
from gridpilot.messages.codec import Codec
from gridpilot.messages.drivers import driver_names, open_broker
from gridpilot.messages.envelope import StepId
from gridpilot.messages.faults import Faults, FaultyBroker, Partition
from gridpilot.messages.loop import LoopThread
from gridpilot.messages.metrics import MeteredBroker
from gridpilot.messages.seam import Broker, Health
from gridpilot.messages.signing import Keyring
from gridpilot.messages.subscription import Message, Subscription
from gridpilot.messages.virtual import VirtualClockLoop
from gridpilot.messages.wire import Wire

__all__ = [
    "Broker", "Codec", "Faults", "FaultyBroker", "Health", "Keyring", "LoopThread", "Message", "MeteredBroker", "Partition", "Security",
    "StepId", "Subscription", "VirtualClockLoop", "Wire", "driver_names", "open_broker",
]  # fmt: skip
