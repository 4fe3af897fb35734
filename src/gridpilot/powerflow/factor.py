"""Sparse LU in 2x2 blocks on a fixed pattern, several systems at once, without numerical pivoting.

Blocks lie in one flat array, four times `width` doubles each, row by row inside a block:

    (a c)
    (d h)   at  4 * width * block + (0, 1, 2, 3) * width

The right-hand side has two lanes per place. `eliminate` leaves inverted diagonal blocks and the upper factor, and
carries the forward substitution along; `substitute` goes backwards and leaves the solution in place of the
right-hand side. A singular pivot makes the lane's solution meaningless and touches no other lane; the lane is reported,
for a solver that pivots.

Most buses of a grid are eliminated with two neighbours left: for those, the blocks that are used twice stay in registers.

Source: J. Arrillaga, N. R. Watson, "Computer Modelling of Electrical Power Systems" (2001), ch. 2.
"""

from __future__ import annotations

from typing import Any

from gridpilot.jit import bare
from gridpilot.powerflow.group import Group, LaneFloats
from gridpilot.powerflow.lanes import absolute, below, fma, fnma, largest, load, negative, splat, store
from gridpilot.powerflow.symbolic import Pattern

_CANCELLED = 1e-12
"""Part of a pivot's products that is left in its determinant where nearly all digits have cancelled."""
_Block = tuple[Any, Any, Any, Any]


@bare
def _read(blocks: LaneFloats, width: int, block: int) -> _Block:
    w = 4 * width * block
    return load(blocks, w), load(blocks, w + width), load(blocks, w + 2 * width), load(blocks, w + 3 * width)


@bare
def _write(blocks: LaneFloats, width: int, block: int, x: _Block) -> None:
    w = 4 * width * block
    store(blocks, w, x[0])
    store(blocks, w + width, x[1])
    store(blocks, w + 2 * width, x[2])
    store(blocks, w + 3 * width, x[3])


@bare
def _product(x: _Block, y: _Block) -> _Block:
    return (
        fma(x[0], y[0], x[1] * y[2]),
        fma(x[0], y[1], x[1] * y[3]),
        fma(x[2], y[0], x[3] * y[2]),
        fma(x[2], y[1], x[3] * y[3]),
    )


@bare
def _reduce(blocks: LaneFloats, width: int, block: int, x: _Block, y: _Block) -> None:
    """Subtract a product of blocks from a block."""
    w = 4 * width * block
    store(blocks, w, fnma(x[0], y[0], fnma(x[1], y[2], load(blocks, w))))
    store(blocks, w + width, fnma(x[0], y[1], fnma(x[1], y[3], load(blocks, w + width))))
    store(blocks, w + 2 * width, fnma(x[2], y[0], fnma(x[3], y[2], load(blocks, w + 2 * width))))
    store(blocks, w + 3 * width, fnma(x[2], y[1], fnma(x[3], y[3], load(blocks, w + 3 * width))))


@bare
def _reduce_side(rhs: LaneFloats, width: int, place: int, x: _Block, r0: Any, r1: Any) -> None:
    """Subtract a block times a pair of the right-hand side from another pair."""
    w = 2 * width * place
    store(rhs, w, fnma(x[0], r0, fnma(x[1], r1, load(rhs, w))))
    store(rhs, w + width, fnma(x[2], r0, fnma(x[3], r1, load(rhs, w + width))))


@bare
def eliminate(pattern: Pattern, group: Group, second: bool, keep: bool) -> Any:
    """Factorise the Jacobian in `blocks`, with forward substitution of `rhs` and, if asked for, of the `second` one.

    For each place, its column is scaled and what comes later updated. The scaled column is kept in the lower blocks if asked
    for. Returns the mask of lanes in which a pivot was next to singular.
    """
    blocks, rhs, width = group.blocks, group.rhs, group.width
    n, u = len(pattern.bus), len(pattern.column)
    singular, done = splat(blocks, 0.0), 0
    for k in range(n):
        a, c, d, h = _read(blocks, width, k)
        forth, back = a * h, c * d
        determinant = forth - back
        sound = below(_CANCELLED * (absolute(forth) + absolute(back)), absolute(determinant))
        singular = largest(singular, 1.0 - sound)
        scale = 1.0 / determinant
        inverse = h * scale, negative(c * scale), negative(d * scale), a * scale
        _write(blocks, width, k, inverse)
        r0, r1 = load(rhs, 2 * width * k), load(rhs, 2 * width * k + width)
        first, last = pattern.start[k], pattern.start[k + 1]
        if last - first == 2:
            y0, y1 = _read(blocks, width, n + first), _read(blocks, width, n + first + 1)
            for e in range(first, first + 2):
                x = _product(_read(blocks, width, n + u + e), inverse)
                _reduce_side(rhs, width, pattern.column[e], x, r0, r1)
                _reduce(blocks, width, pattern.target[done], x, y0)
                _reduce(blocks, width, pattern.target[done + 1], x, y1)
                done += 2
        else:
            for e in range(first, last):
                x = _product(_read(blocks, width, n + u + e), inverse)
                _reduce_side(rhs, width, pattern.column[e], x, r0, r1)
                for s in range(first, last):
                    _reduce(blocks, width, pattern.target[done], x, _read(blocks, width, n + s))
                    done += 1
        if second:
            r0, r1 = load(group.second, 2 * width * k), load(group.second, 2 * width * k + width)
            for e in range(first, last):
                x = _product(_read(blocks, width, n + u + e), inverse)
                _reduce_side(group.second, width, pattern.column[e], x, r0, r1)
        if keep:
            for e in range(first, last):
                _write(blocks, width, n + u + e, _product(_read(blocks, width, n + u + e), inverse))
    return singular


@bare
def substitute(pattern: Pattern, blocks: LaneFloats, rhs: LaneFloats, width: int) -> None:
    """Backward substitution."""
    n = len(pattern.bus)
    for back in range(n):
        k = n - 1 - back
        r = 2 * width * k
        r0, r1 = load(rhs, r), load(rhs, r + width)
        for e in range(pattern.start[k], pattern.start[k + 1]):
            a, c, d, h = _read(blocks, width, n + e)
            x = 2 * width * pattern.column[e]
            x0, x1 = load(rhs, x), load(rhs, x + width)
            r0, r1 = fnma(a, x0, fnma(c, x1, r0)), fnma(d, x0, fnma(h, x1, r1))
        a, c, d, h = _read(blocks, width, k)
        store(rhs, r, fma(a, r0, c * r1))
        store(rhs, r + width, fma(d, r0, h * r1))
