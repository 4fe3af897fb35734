"""`Lanes`: four doubles in one SIMD register, for kernels that solve four batch elements at once.

A kernel (`gridpilot.jit.kernel`) holds the value of one quantity in four elements in one variable:

    current = fma(conductance, voltage, current)      # four elements, one instruction

Arrays of lanes are flat `float64` arrays in which the four values of an item are neighbours: item `k` begins at
`k * WIDTH`. Nothing reassociates or contracts: where a multiply-add shall be fused it is written `fma`, so that
a lane's result is the same bit for bit whatever its place, its neighbours and the compiler's inlining. (On a
processor without a fused multiply-add LLVM calls the C library's: slower, the same bits.)

A mask is lanes of 1.0 and 0.0.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import ConcreteTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH: Final = 4
"""Batch elements per register: 256 bits, which every x86-64 of the last decade has."""

_VECTOR = ir.VectorType(ir.DoubleType(), WIDTH)
_INDEX = ir.IntType(32)
_DOUBLE_BYTES = 8


class _LanesType(types.Type):  # type: ignore[misc]  # numba ships no types
    def __init__(self) -> None:
        super().__init__(name=f"Lanes{WIDTH}")


LANES = _LanesType()


@register_model(_LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]  # numba ships no types
    def __init__(self, manager: Any, lanes: Any) -> None:
        super().__init__(manager, lanes, _VECTOR)


class _Arithmetic(ConcreteTemplate):  # type: ignore[misc]  # numba ships no types
    cases = (signature(LANES, LANES, LANES),)


def _lower(symbol: Callable[..., Any], instruction: str) -> None:
    infer_global(symbol)(type(f"_Lanes_{instruction}", (_Arithmetic,), {"key": symbol}))

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)

    lower_builtin(symbol, LANES, LANES)(generate)


_lower(operator.add, "fadd")
_lower(operator.sub, "fsub")
_lower(operator.mul, "fmul")
_lower(operator.truediv, "fdiv")


def _instruction(define: Callable[..., Any]) -> Callable[..., Any]:
    """A function of kernels whose code `define` writes; for the type checker lanes are `Any`, for numba `LANES`."""
    return cast("Callable[..., Any]", intrinsic(define))


def _splat(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INDEX, WIDTH), [0] * WIDTH))


def _call(builder: Any, name: str, args: Any) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * len(args))
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}f64"), args)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


@_instruction
def splat(typing_context: Any, number: Any) -> Any:
    """The same number in every lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _splat(builder, args[0])

    return LANES(types.float64), generate


@_instruction
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Four neighbours of a flat array."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.bitcast(_address(context, builder, sig.args[0], *args), _VECTOR.as_pointer())
        return builder.load(pointer, align=_DOUBLE_BYTES, typ=_VECTOR)

    return LANES(array, types.intp), generate


@_instruction
def store(typing_context: Any, array: Any, index: Any, lanes: Any) -> Any:
    """Write four neighbours of a flat array."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = builder.bitcast(_address(context, builder, sig.args[0], *args[:2]), _VECTOR.as_pointer())
        builder.store(args[2], pointer, align=_DOUBLE_BYTES)
        return context.get_dummy_value()

    return types.void(array, types.intp, LANES), generate


@_instruction
def scatter(typing_context: Any, array: Any, index: Any, stride: Any, lanes: Any) -> Any:
    """Write lane `l` at flat place `index + l * stride` of a row-major array of any rank."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array, index, stride, lanes = args
        for lane in range(WIDTH):
            value = builder.extract_element(lanes, ir.Constant(_INDEX, lane))
            builder.store(value, _address(context, builder, sig.args[0], array, index), align=_DOUBLE_BYTES)
            index = builder.add(index, stride)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, LANES), generate


@_instruction
def gather(typing_context: Any, array: Any, i0: Any, i1: Any, i2: Any, i3: Any) -> Any:
    """Four numbers at flat places of a row-major array of any rank."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        lanes = ir.Constant(_VECTOR, ir.Undefined)
        for lane, index in enumerate(args[1:]):
            value = builder.load(_address(context, builder, sig.args[0], args[0], index), align=_DOUBLE_BYTES)
            lanes = builder.insert_element(lanes, value, ir.Constant(_INDEX, lane))
        return lanes

    return LANES(array, *[types.intp] * WIDTH), generate


@_instruction
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """`a * b + c`, rounded once."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "fma", args)

    return LANES(LANES, LANES, LANES), generate


@_instruction
def fnma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """`c - a * b`, rounded once."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "fma", [builder.fneg(args[0]), args[1], args[2]])

    return LANES(LANES, LANES, LANES), generate


@_instruction
def negative(typing_context: Any, a: Any) -> Any:
    """`-a`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fneg(args[0])

    return LANES(LANES), generate


@_instruction
def absolute(typing_context: Any, a: Any) -> Any:
    """`|a|`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "fabs", args)

    return LANES(LANES), generate


@_instruction
def root(typing_context: Any, a: Any) -> Any:
    """Square root, correctly rounded."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _call(builder, "sqrt", args)

    return LANES(LANES), generate


@_instruction
def largest(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger of two; NaN where either is NaN, so that a broken lane cannot pass for a solved one."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # "not (a >= b)" and "a is not NaN": true where b is larger and where b is NaN
        beyond = builder.not_(builder.fcmp_ordered(">=", args[0], args[1]))
        return builder.select(builder.and_(beyond, builder.fcmp_ordered("ord", args[0], args[0])), args[1], args[0])

    return LANES(LANES, LANES), generate


@_instruction
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """`a` where the mask is 1, `b` where it is 0; the lane not chosen may hold anything, NaN too."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        chosen = builder.fcmp_ordered("!=", args[0], ir.Constant(_VECTOR, [0.0] * WIDTH))
        return builder.select(chosen, args[1], args[2])

    return LANES(LANES, LANES, LANES), generate


@_instruction
def below(typing_context: Any, a: Any, b: Any) -> Any:
    """The mask of `a < b`; 0 where either is NaN."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.uitofp(builder.fcmp_ordered("<", args[0], args[1]), _VECTOR)

    return LANES(LANES, LANES), generate
