"""`kernel`: compile a numeric function with numba, and remember the machine code on disk.

Kernels call each other across files, and numba's own cache looks only at the file of the outermost one: after
an edit of an inner kernel, or of a NamedTuple that it is given, it would go on running the old code. Here the cache is
keyed on the text of every file of the package that holds one of the two or writes instructions, and of the kernel's own file
where that is somebody else's, so that an edit or an upgrade recompiles, and nothing else does.

Kernels are strict: no fast-math, so that a result does not depend on the batch size or the place in the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numba
from numba.core import types
from numba.core.caching import CacheImpl, CompileResultCacheImpl, FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types.containers import BaseTuple
from numba.experimental import structref
from numba.extending import intrinsic, models, register_model

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_MARKS = (b"gridpilot.jit", b"llvmlite", b"NamedTuple")
"""What a file says that holds a kernel, writes instructions, or holds a value that kernels take apart."""

_FOREIGN = (ImportError, AttributeError)
"""What reading an index raises that names a type which this process cannot import."""


@cache
def _source_stamp() -> str:
    """A digest of every file of the package that kernels depend on (a few milliseconds, once per process)."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        text = path.read_bytes()
        if any(mark in text for mark in _MARKS):
            digest.update(text)
    return digest.hexdigest()


def _stamp(path: Path) -> str:
    """What the machine code of a kernel in this file depends on."""
    if path.is_relative_to(Path(__file__).parent) or not path.is_file():
        return _source_stamp()
    return hashlib.sha256(_source_stamp().encode() + path.read_bytes()).hexdigest()


class _PackageCacheImpl(CompileResultCacheImpl):  # type: ignore[misc]  # numba ships no types
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._locator.get_source_stamp = lambda: _stamp(Path(function.__code__.co_filename))


class _PackageCache(FunctionCache):  # type: ignore[misc]  # numba ships no types
    _impl_class: type[CacheImpl] = _PackageCacheImpl

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Machine code of a signature, or None; the index may name types of a program that is not here, say its own device."""
        try:
            return super().load_overload(sig, target_context)
        except _FOREIGN:
            self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code; an index that cannot be read is begun anew."""
        try:
            super().save_overload(sig, data)
        except _FOREIGN:
            self.flush()
            super().save_overload(sig, data)


def kernel(function: F) -> F:
    """`function` compiled on first use; callable from Python and from other kernels."""
    dispatcher = numba.njit(error_model="numpy", boundscheck=False, nogil=True)(function)
    dispatcher._cache = _PackageCache(function)
    return cast(F, dispatcher)


def machine_code(function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    """Address of a kernel's machine code for these numba types, a C function good for as long as the process lives."""
    dispatcher: Any = function
    dispatcher.compile(arguments)
    compiled = dispatcher.overloads[arguments]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name))


class _NoEnvironment:
    """In place of what keeps a function's Python globals for its machine code: a part has none."""

    def set_env(self, env_name: str, env: Any) -> None:
        """Parts are strict: nothing of Python is reached from them."""


class _PartLibrary(JITCodeLibrary):  # type: ignore[misc]  # numba ships no types
    """Intermediate code that waits for the kernels which it becomes a part of.

    numba optimises every function with all that it calls, and makes machine code of it, at every level of a call tree. For
    a solver of many small functions that is most of the compile time, and what is used is the kernel's own copy alone.
    """

    codegen = property(lambda self: _NoEnvironment())

    def _optimize_final_module(self) -> None:
        """Left to the kernel."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code."""
        return 0


class _PartCompiler(Compiler):  # type: ignore[misc]  # numba ships no types
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.state.library = _PartLibrary(self.state.targetctx.codegen(), "part")


_PART: dict[str, Any] = {
    "error_model": "numpy",
    "boundscheck": False,
    "nogil": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": _PartCompiler,
}


def inner(function: F) -> F:
    """`function` as a part of the kernels that call it; Python cannot call it."""
    return cast(F, numba.njit(function, **_PART))


def bare(function: F) -> F:
    """An `inner` that makes no arrays, and counts no references to those it is given.

    Counting them costs two atomic instructions per array and call, for a value of thirty arrays more than the arithmetic
    of a small grid. Who calls it keeps the arrays alive.
    """
    return cast(F, numba.njit(function, **_PART, _nrt=False))


def inlined(function: F) -> F:
    """An `inner` function that is copied into its callers: for short ones that are called for every element."""
    return cast(F, numba.njit(function, **_PART, forceinline=True))


@structref.register
class ResidentType(types.StructRef):  # type: ignore[misc, name-defined]  # numba ships no types
    """How kernels see a `Resident`."""


class Resident(structref.StructRefProxy, Generic[T]):  # type: ignore[misc]  # numba ships no types
    """A value made of arrays that is handed to kernels again and again; made by `resident`.

    numba inspects and unpacks every array of an argument at every call, which for a network costs more than the
    arithmetic of a step. A resident value is unpacked once and then passed as one pointer. Kernels and Python alike
    read `value`; it must not be exchanged, but its arrays are shared.
    """

    value: T

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[T]]:
        """By its value: the pointer means nothing in another process."""
        return resident, (self.value,)


structref.define_proxy(Resident, ResidentType, ["value"])


@kernel
def _hold(value: Any) -> Any:
    return Resident(value)


def resident(value: T) -> Resident[T]:
    """`value` (arrays, numbers, tuples of them) where compiled code finds it at once.

    Hand it over as an argument of its own: inside a tuple numba inspects it at every call, slowly.
    """
    held: Resident[T] = _hold(value)
    held.value = value
    return held


class Borrowed(types.Array):
    """How kernels see an array that somebody else keeps: as an array whose users are not counted."""

    def __init__(self, array: Any) -> None:
        super().__init__(array.dtype, array.ndim, array.layout, not array.mutable, f"borrowed {array.name}", array.aligned)


@register_model(Borrowed)
class _BorrowedModel(models.StructModel):  # type: ignore[misc]  # numba ships no types
    def __init__(self, manager: Any, array: Any) -> None:
        ordinary = models.ArrayModel(manager, array)
        owned = zip(ordinary._fields, ordinary._members, strict=True)
        super().__init__(manager, array, [(name, types.voidptr if name == "meminfo" else kind) for name, kind in owned])


def _lent(kind: Any, lend: Callable[[Any], Any]) -> Any:
    """A type in which every array is exchanged by `lend`."""
    if isinstance(kind, types.Array):
        return lend(kind)
    if not isinstance(kind, BaseTuple):
        return kind
    parts = tuple([_lent(part, lend) for part in kind.types])
    return BaseTuple.from_types(parts, getattr(kind, "instance_class", None))


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def borrowed(typing_context: Any, held: Any) -> Any:
    """The value of a `Resident`, for kernels that neither return an array of it nor keep one. For kernels only.

    numba counts who uses an array wherever one is passed on; of the dozens of arrays of a grid that costs more than a
    step of it. What is borrowed is not counted: its owner outlives the call.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Both kinds of arrays have one layout.
        return structref._Utils(context, builder, signature.args[0]).get_data_struct(args[0]).value

    return _lent(held.field_dict["value"], Borrowed)(held), generate


@intrinsic  # type: ignore[untyped-decorator]  # numba ships no types
def as_arrays(typing_context: Any, value: Any) -> Any:
    """What was borrowed, as functions take it that are compiled for ordinary arrays. For kernels only."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _without_owner(context, builder, signature.return_type, args[0])

    return _lent(value, _ordinary)(value), generate


def _ordinary(array: Any) -> Any:
    return types.Array(array.dtype, array.ndim, array.layout, not array.mutable, aligned=array.aligned)


def _without_owner(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """A value whose arrays name no owner: where users are counted, nothing is."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo = array.meminfo.type(None)
        return array._getvalue()
    if isinstance(kind, BaseTuple):
        for place, part in enumerate(kind.types):
            value = builder.insert_value(value, _without_owner(context, builder, part, builder.extract_value(value, place)), place)
    return value
