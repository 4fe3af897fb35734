"""`Lanes`: several doubles in SIMD registers, for kernels that solve several batch elements at once.

A kernel holds the value of one quantity in `width` elements in one variable:

    current = fma(conductance, voltage, current)      # all elements, one instruction

Arrays of lanes are flat `float64` arrays in which the values of an item are neighbours: item `k` begins at
`k * width`. They are fields of a `gridpilot.frame.Frame`, whose type carries the width, so that one source is compiled for
narrow registers and wide ones. A plain number beside lanes stands for itself in every lane.

Nothing reassociates or contracts: where a multiply-add shall be fused it is written `fma`, so that a lane's result is the
same bit for bit whatever its place, its neighbours, the width and the compiler's inlining. (On a processor without a fused
multiply-add LLVM calls the C library's: slower, the same bits.)

A mask is lanes of 1.0 and 0.0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

from gridpilot.frame import SpanType, item_address

_DOUBLE_BYTES: Final = 8
_INDEX = ir.IntType(32)


class LanesType(types.Type):  # type: ignore[misc]  # numba ships no types
    """So many doubles."""

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(name=f"Lanes({width})")

    @property
    def vector(self) -> Any:
        return ir.VectorType(ir.DoubleType(), self.width)


lanes_type = cache(LanesType)


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]  # numba ships no types
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, lanes.vector)


def _common(args: Any) -> Any:
    """The lanes that a mix of lanes and numbers works on; None where it is no such mix."""
    lanes = {arg for arg in args if isinstance(arg, LanesType)}
    plain = all(isinstance(arg, LanesType | types.Number) for arg in args)
    return next(iter(lanes)) if len(lanes) == 1 and plain else None


def _spread(context: Any, builder: Any, kind: Any, lanes: Any, value: Any) -> Any:
    """A number in every lane; lanes as they are."""
    if isinstance(kind, LanesType):
        return value
    number = context.cast(builder, value, kind, types.float64)
    undefined = ir.Constant(lanes.vector, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INDEX, lanes.width), [0] * lanes.width))


def _operator(symbol: Callable[..., Any], instruction: str) -> None:
    class Typing(AbstractTemplate):  # type: ignore[misc]  # numba ships no types
        key = symbol

        def generic(self, args: Any, kws: Any) -> Any:
            lanes = _common(args)
            return None if lanes is None else signature(lanes, *args)

    infer_global(symbol)(Typing)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = [_spread(context, builder, kind, sig.return_type, value) for kind, value in zip(sig.args, args, strict=True)]
        return getattr(builder, instruction)(*lanes)

    for left, right in ((LanesType, LanesType), (LanesType, types.Number), (types.Number, LanesType)):
        lower_builtin(symbol, left, right)(generate)


_operator(operator.add, "fadd")
_operator(operator.sub, "fsub")
_operator(operator.mul, "fmul")
_operator(operator.truediv, "fdiv")


def _instruction(define: Callable[..., Any]) -> Callable[..., Any]:
    """A function of kernels whose code `define` writes; for the type checker lanes are `Any`."""
    return cast("Callable[..., Any]", intrinsic(define))


def _arithmetic(count: int, write: Callable[..., Any]) -> Callable[..., Any]:
    """A function of `count` lanes or numbers, whose code is `write(builder, *lanes)`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = [_spread(context, builder, kind, sig.return_type, value) for kind, value in zip(sig.args, args, strict=True)]
        return write(builder, *lanes)

    def typed(*args: Any) -> Any:
        lanes = _common(args)
        return None if lanes is None else (lanes(*args), generate)

    define: dict[int, Callable[..., Any]] = {
        1: lambda typing_context, a: typed(a),
        2: lambda typing_context, a, b: typed(a, b),
        3: lambda typing_context, a, b, c: typed(a, b, c),
    }
    return _instruction(define[count])


def _call(builder: Any, name: str, *args: Any) -> Any:
    vector = args[0].type
    kind = ir.FunctionType(vector, [vector] * len(args))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{vector.count}f64"), args)


def _largest(builder: Any, a: Any, b: Any) -> Any:
    # "not (a >= b)" and "a is not NaN": true where b is larger and where b is NaN
    beyond = builder.not_(builder.fcmp_ordered(">=", a, b))
    return builder.select(builder.and_(beyond, builder.fcmp_ordered("ord", a, a)), b, a)


def _select(builder: Any, mask: Any, a: Any, b: Any) -> Any:
    chosen = builder.fcmp_ordered("!=", mask, ir.Constant(mask.type, [0.0] * mask.type.count))
    return builder.select(chosen, a, b)


fma = _arithmetic(3, lambda builder, a, b, c: _call(builder, "fma", a, b, c))
"""`a * b + c`, rounded once."""

fnma = _arithmetic(3, lambda builder, a, b, c: _call(builder, "fma", builder.fneg(a), b, c))
"""`c - a * b`, rounded once."""

negative = _arithmetic(1, lambda builder, a: builder.fneg(a))
"""`-a`."""

absolute = _arithmetic(1, lambda builder, a: _call(builder, "fabs", a))
"""`|a|`."""

root = _arithmetic(1, lambda builder, a: _call(builder, "sqrt", a))
"""Square root, correctly rounded."""

largest = _arithmetic(2, _largest)
"""The larger of two; NaN where either is NaN, so that a broken lane cannot pass for a solved one."""

select = _arithmetic(3, _select)
"""`select(mask, a, b)`: a where the mask is 1, b where it is 0; the lane not chosen may hold anything, NaN too."""

below = _arithmetic(2, lambda builder, a, b: builder.uitofp(builder.fcmp_ordered("<", a, b), a.type))
"""The mask of `a < b`; 0 where either is NaN."""


@_instruction
def splat(typing_context: Any, like: Any, number: Any) -> Any:
    """The same number in as many lanes as an array of lanes has."""
    lanes = lanes_type(like.width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _spread(context, builder, sig.args[1], lanes, args[1])

    return lanes(like, number), generate


@_instruction
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Neighbours in an array of lanes."""
    if not isinstance(array, SpanType) or array.width == 0:
        return None
    lanes = lanes_type(array.width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.bitcast(item_address(context, builder, sig.args[0], *args), lanes.vector.as_pointer())
        return builder.load(pointer, align=_DOUBLE_BYTES, typ=lanes.vector)

    return lanes(array, types.intp), generate


@_instruction
def store(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write neighbours in an array of lanes."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = _spread(context, builder, sig.args[2], lanes_type(array.width), args[2])
        pointer = builder.bitcast(item_address(context, builder, sig.args[0], *args[:2]), value.type.as_pointer())
        builder.store(value, pointer, align=_DOUBLE_BYTES)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


@_instruction
def beginnings(typing_context: Any, row: Any, stride: Any) -> Any:
    """Where the rows named in a lane array of integers begin in a row-major array with `stride` columns."""
    places = types.UniTuple(types.intp, row.width)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        addresses = [
            item_address(context, builder, sig.args[0], args[0], context.get_constant(types.intp, lane)) for lane in range(row.width)
        ]
        return context.make_tuple(builder, places, [builder.mul(builder.load(address), args[1]) for address in addresses])

    return places(row, types.intp), generate


@_instruction
def gather(typing_context: Any, array: Any, places: Any, column: Any) -> Any:
    """The numbers at flat places `places[l] + column` of an array."""
    lanes = lanes_type(places.count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, places, column = args
        found = ir.Constant(lanes.vector, ir.Undefined)
        for lane, place in enumerate(cgutils.unpack_tuple(builder, places, lanes.width)):
            address = item_address(context, builder, sig.args[0], array, builder.add(place, column))
            found = builder.insert_element(found, builder.load(address, align=_DOUBLE_BYTES), ir.Constant(_INDEX, lane))
        return found

    return lanes(array, places, types.intp), generate


@_instruction
def scatter(typing_context: Any, array: Any, places: Any, column: Any, lanes: Any) -> Any:
    """Write lane `l` at flat place `places[l] + column` of an array."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, places, column, values = args
        for lane, place in enumerate(cgutils.unpack_tuple(builder, places, sig.args[3].width)):
            address = item_address(context, builder, sig.args[0], array, builder.add(place, column))
            builder.store(builder.extract_element(values, ir.Constant(_INDEX, lane)), address, align=_DOUBLE_BYTES)
        return context.get_dummy_value()

    return types.void(array, places, types.intp, lanes), generate
