"""Coordination protocols: how a grid agent moves its devices (vertical), and how grid agents deal with each other (horizontal).

Values and functions on arrays with a leading batch axis `[B, …]`. They know no grid, no message and no clock: what
a protocol says and answers is the same whether it is passed on in memory or over a broker.
"""
