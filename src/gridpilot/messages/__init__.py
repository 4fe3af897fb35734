"""Messages between the grid's controllers: one seam over every broker, typed and signed envelopes, and the step protocol."""

from gridpilot.messages.address import Security
from gridpilot.messages.drivers import driver_names, open_broker
from gridpilot.messages.seam import Broker, Health
from gridpilot.messages.subscription import Message, Subscription

__all__ = ["Broker", "Health", "Message", "Security", "Subscription", "driver_names", "open_broker"]
