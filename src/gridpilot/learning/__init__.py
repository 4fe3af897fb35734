"""Learning: from decisions that were good to models that make them."""
