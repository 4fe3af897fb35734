"""Nano's own making: grids, states and labels from the twin, training, export."""
