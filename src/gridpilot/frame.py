"""`Frame`: a NamedTuple of arrays and numbers that compiled functions see as one pointer.

numba passes a tuple of forty arrays as three hundred arguments, and counts references to each of them at every call: for
a solver of many small functions that costs more than its arithmetic, and most of its compile time. A frame is a table of
addresses instead. Compiled code reads its fields by their names:

    net.start[k]          the k-th number of an array, whatever its rank (flat, row-major, unchecked)
    len(inputs.kind)      length of an array's first axis
    net.base_mva          a number
    group.width           lanes of its lane arrays (see `gridpilot.powerflow.lanes`)

The kind of a field is read from its annotation: `Floats`, `Ints`, `Codes`, `Bools`, `LaneFloats`, `LaneInts`, `int` or
`float`. Whoever makes a frame keeps its arrays alive while compiled code uses it.
"""

from __future__ import annotations

import operator
from typing import Any, Final, Generic, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global
from numba.extending import intrinsic, lower_builtin, lower_getattr_generic, models, register_model

T = TypeVar("T", bound=tuple[Any, ...])

_DTYPES: Final = {
    "Floats": types.float64,
    "LaneFloats": types.float64,
    "Ints": types.int64,
    "LaneInts": types.int64,
    "Codes": types.int8,
    "Bools": types.boolean,
}
_NUMBERS: Final = {"int": types.int64, "float": types.float64}
_WORD = ir.IntType(64)
_WORDS: Final = 2
"""Machine words of a field: the address of an array and the length of its first axis, or a number."""


class SpanType(types.Type):  # type: ignore[misc]  # numba ships no types
    """An array's memory; `width` lanes side by side, or 0 for plain numbers."""

    def __init__(self, dtype: Any, width: int) -> None:
        self.dtype, self.width = dtype, width
        super().__init__(name=f"Span({dtype}, {width})")


@register_model(SpanType)
class _SpanModel(models.StructModel):  # type: ignore[misc]  # numba ships no types
    def __init__(self, manager: Any, span: Any) -> None:
        super().__init__(manager, span, [("data", types.CPointer(span.dtype)), ("rows", types.intp)])


class FrameType(types.Type):  # type: ignore[misc]  # numba ships no types
    """A NamedTuple class as seen by compiled code, with so many lanes to a register."""

    def __init__(self, value_class: type[Any], width: int) -> None:
        self.width = width
        self.fields = {
            name: _field(getattr(kind, "__forward_arg__", str(kind)), width) for name, kind in value_class.__annotations__.items()
        }
        super().__init__(name=f"Frame({value_class.__module__}.{value_class.__qualname__}, {width})")


def _field(annotation: str, width: int) -> Any:
    if annotation in _NUMBERS:
        return _NUMBERS[annotation]
    return SpanType(_DTYPES[annotation], width if annotation.startswith("Lane") else 0)


@register_model(FrameType)
class _FrameModel(models.PrimitiveModel):  # type: ignore[misc]  # numba ships no types
    def __init__(self, manager: Any, frame: Any) -> None:
        super().__init__(manager, frame, _WORD.as_pointer())


# ------------------------------------------------------------------------------------------------------ fields


@infer_getattr
class _FrameFields(AttributeTemplate):  # type: ignore[misc]  # numba ships no types
    key = FrameType

    def generic_resolve(self, frame: Any, name: str) -> Any:
        return types.intp if name == "width" else frame.fields.get(name)


@lower_getattr_generic(FrameType)  # type: ignore[untyped-decorator]  # numba ships no types
def _read_field(context: Any, builder: Any, frame: Any, table: Any, name: str) -> Any:
    if name == "width":
        return context.get_constant(types.intp, frame.width)
    place = _WORDS * list(frame.fields).index(name)
    kind = frame.fields[name]
    if not isinstance(kind, SpanType):
        address = builder.gep(table, [ir.Constant(_WORD, place)])
        return _constant_load(builder, builder.bitcast(address, context.get_value_type(kind).as_pointer()))
    span = cgutils.create_struct_proxy(kind)(context, builder)
    data = _constant_load(builder, builder.gep(table, [ir.Constant(_WORD, place)]))
    span.data = builder.inttoptr(data, context.get_data_type(kind.dtype).as_pointer())
    span.rows = _constant_load(builder, builder.gep(table, [ir.Constant(_WORD, place + 1)]))
    return span._getvalue()


def _constant_load(builder: Any, address: Any) -> Any:
    """A load that no store can change, so that the compiler takes it out of loops."""
    word = builder.load(address)
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    return word


@infer_global(operator.getitem)
class _Read(AbstractTemplate):  # type: ignore[misc]  # numba ships no types
    def generic(self, args: Any, kws: Any) -> Any:
        span, index = args
        if isinstance(span, SpanType) and isinstance(index, types.Integer):
            return signature(span.dtype, span, types.intp)
        return None


@lower_builtin(operator.getitem, SpanType, types.Integer)  # type: ignore[untyped-decorator]  # numba ships no types
def _read(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return context.unpack_value(builder, sig.return_type, item_address(context, builder, sig.args[0], *args))


@infer_global(operator.setitem)
class _Write(AbstractTemplate):  # type: ignore[misc]  # numba ships no types
    def generic(self, args: Any, kws: Any) -> Any:
        span, index, _ = args
        if isinstance(span, SpanType) and isinstance(index, types.Integer):
            return signature(types.none, span, types.intp, span.dtype)
        return None


@lower_builtin(operator.setitem, SpanType, types.Integer, types.Any)  # type: ignore[untyped-decorator]  # numba ships no types
def _write(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    span, index, value = args
    context.pack_value(builder, sig.args[2], value, item_address(context, builder, sig.args[0], span, index))
    return context.get_dummy_value()


@infer_global(len)
class _Length(AbstractTemplate):  # type: ignore[misc]  # numba ships no types
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.intp, args[0]) if isinstance(args[0], SpanType) else None


@lower_builtin(len, SpanType)  # type: ignore[untyped-decorator]  # numba ships no types
def _length(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.create_struct_proxy(sig.args[0])(context, builder, value=args[0]).rows


def item_address(context: Any, builder: Any, span_type: Any, span: Any, index: Any) -> Any:
    """Address of an item, for those who write instructions of their own."""
    return builder.gep(cgutils.create_struct_proxy(span_type)(context, builder, value=span).data, [index])


# ------------------------------------------------------------------------------------------------------ frames


def _table(context: Any, builder: Any, frame: Any, value_type: Any, value: Any) -> Any:
    """A frame's table on the stack, written from a tuple of arrays and numbers."""
    count = _WORDS * len(frame.fields)
    table = cgutils.alloca_once(builder, _WORD, size=count)
    for k, part_type in enumerate(value_type.types):
        part, place = builder.extract_value(value, k), builder.gep(table, [ir.Constant(_WORD, _WORDS * k)])
        if isinstance(part_type, types.Array):
            array = context.make_array(part_type)(context, builder, part)
            builder.store(builder.ptrtoint(array.data, _WORD), place)
            rows = builder.extract_value(array.shape, 0)
            builder.store(rows, builder.gep(table, [ir.Constant(_WORD, _WORDS * k + 1)]))
        else:
            builder.store(part, builder.bitcast(place, part.type.as_pointer()))
    return table


def _misread(name: str, field: Any, part: Any) -> str:
    """Why compiled code would misread a part, by its numba type; empty where it would not."""
    if not isinstance(field, SpanType):
        return "" if types.unliteral(part) == field else f"{name} is {part}, expected {field}"
    if not isinstance(part, types.Array) or part.dtype != field.dtype:
        return f"{name} is {part}, expected an array of {field.dtype}"
    return "" if part.layout == "C" else f"{name} is not row-major"


def frame_of(value_class: type[T], width: int = 0) -> Any:
    """A function for compiled code: from a value of this class to its frame, good until the caller returns.

    A value with an array that is not row-major, or of other numbers than its field says, is a typing error of numba's.
    """
    frame = FrameType(value_class, width)

    def typed(typing_context: Any, value: Any) -> Any:
        problems = [_misread(name, kind, part) for (name, kind), part in zip(frame.fields.items(), value.types, strict=True)]
        if any(problems):
            raise TypingError(f"{value_class.__name__}: {', '.join(filter(None, problems))}.")

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _table(context, builder, frame, sig.args[0], args[0])

        return frame(value), generate

    return intrinsic(typed)


def frame_at(value_class: type[T], width: int = 0) -> Any:
    """A function for compiled code: from the `address` of a `Frame` of this class to the frame."""
    frame = FrameType(value_class, width)

    def typed(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], _WORD.as_pointer())

        return frame(types.int64), generate

    return intrinsic(typed)


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def address_of(typing_context: Any, frame: Any) -> Any:
    """The address of a frame, in compiled code."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], _WORD)

    return types.int64(frame), generate


class Frame(Generic[T]):
    """A value whose table of addresses is made once, for compiled functions that are called again and again."""

    def __init__(self, value: T) -> None:
        """Raises `TypeError` for an array that is not row-major, or of other numbers than its field says."""
        fields = FrameType(type(value), 0).fields
        problems = [_misread(name, field, typeof(part)) for (name, field), part in zip(fields.items(), value, strict=True)]
        if any(problems):
            raise TypeError(f"{type(value).__name__}: {', '.join(filter(None, problems))}.")
        self.value = value
        self._table = np.zeros(_WORDS * len(value), dtype=np.int64)
        for k, part in enumerate(value):
            if isinstance(part, np.ndarray):
                self._table[_WORDS * k : _WORDS * k + _WORDS] = part.ctypes.data, len(part)
            elif isinstance(part, float):
                self._table[_WORDS * k : _WORDS * k + 1].view(np.float64)[0] = part
            else:
                self._table[_WORDS * k] = cast("int", part)
        self.address = int(self._table.ctypes.data)
