"""Sparse LU in 2x2 blocks on a fixed pattern, four systems at once, without numerical pivoting.

Blocks lie in one flat array, four doubles times `WIDTH` lanes each, row by row inside a block:

    (a c)
    (d h)   at  4 * WIDTH * block + (0, 1, 2, 3) * WIDTH

The right-hand side has two lanes per place. `eliminate` leaves inverted diagonal blocks and the upper factor, and
carries the forward substitution along; `substitute` goes backwards and leaves the solution in place of the
right-hand side. A singular pivot makes the lane's solution non-finite and touches no other lane.
"""

from __future__ import annotations

from gridpilot.jit import inner
from gridpilot.powerflow.lanes import WIDTH, fma, fnma, load, negative, splat, store
from gridpilot.powerflow.symbolic import Pattern
from gridpilot.values import Floats

BLOCK = 4 * WIDTH
PAIR = 2 * WIDTH


@inner
def eliminate(pattern: Pattern, blocks: Floats, rhs: Floats) -> None:
    """Factorise, with forward substitution: for each place, scale its column and update what comes later."""
    start, column, target = pattern.start, pattern.column, pattern.target
    n, u = start.shape[0] - 1, column.shape[0]
    one = splat(1.0)
    done = 0
    for k in range(n):
        w = k * BLOCK
        a, c, d, h = load(blocks, w), load(blocks, w + WIDTH), load(blocks, w + 2 * WIDTH), load(blocks, w + 3 * WIDTH)
        scale = one / fnma(c, d, a * h)
        i0, i1, i2, i3 = h * scale, negative(c * scale), negative(d * scale), a * scale
        store(blocks, w, i0)
        store(blocks, w + WIDTH, i1)
        store(blocks, w + 2 * WIDTH, i2)
        store(blocks, w + 3 * WIDTH, i3)
        r0, r1 = load(rhs, k * PAIR), load(rhs, k * PAIR + WIDTH)
        first, last = start[k], start[k + 1]
        for e in range(first, last):
            w = (n + u + e) * BLOCK
            a, c, d, h = load(blocks, w), load(blocks, w + WIDTH), load(blocks, w + 2 * WIDTH), load(blocks, w + 3 * WIDTH)
            l0, l1 = fma(a, i0, c * i2), fma(a, i1, c * i3)
            l2, l3 = fma(d, i0, h * i2), fma(d, i1, h * i3)
            r = column[e] * PAIR
            store(rhs, r, fnma(l0, r0, fnma(l1, r1, load(rhs, r))))
            store(rhs, r + WIDTH, fnma(l2, r0, fnma(l3, r1, load(rhs, r + WIDTH))))
            for s in range(first, last):
                z = target[done] * BLOCK
                done += 1
                w = (n + s) * BLOCK
                a, c, d, h = load(blocks, w), load(blocks, w + WIDTH), load(blocks, w + 2 * WIDTH), load(blocks, w + 3 * WIDTH)
                store(blocks, z, fnma(l0, a, fnma(l1, d, load(blocks, z))))
                store(blocks, z + WIDTH, fnma(l0, c, fnma(l1, h, load(blocks, z + WIDTH))))
                store(blocks, z + 2 * WIDTH, fnma(l2, a, fnma(l3, d, load(blocks, z + 2 * WIDTH))))
                store(blocks, z + 3 * WIDTH, fnma(l2, c, fnma(l3, h, load(blocks, z + 3 * WIDTH))))


@inner
def substitute(pattern: Pattern, blocks: Floats, rhs: Floats) -> None:
    """Backward substitution."""
    start, column = pattern.start, pattern.column
    n = start.shape[0] - 1
    for back in range(n):
        k = n - 1 - back
        r0, r1 = load(rhs, k * PAIR), load(rhs, k * PAIR + WIDTH)
        for e in range(start[k], start[k + 1]):
            w, r = (n + e) * BLOCK, column[e] * PAIR
            x0, x1 = load(rhs, r), load(rhs, r + WIDTH)
            r0 = fnma(load(blocks, w), x0, fnma(load(blocks, w + WIDTH), x1, r0))
            r1 = fnma(load(blocks, w + 2 * WIDTH), x0, fnma(load(blocks, w + 3 * WIDTH), x1, r1))
        w = k * BLOCK
        store(rhs, k * PAIR, fma(load(blocks, w), r0, load(blocks, w + WIDTH) * r1))
        store(rhs, k * PAIR + WIDTH, fma(load(blocks, w + 2 * WIDTH), r0, load(blocks, w + 3 * WIDTH) * r1))
