# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Random numbers by counter: a normal deviate is a function of (key, crosspoint, count) and of nothing else.

No state is kept, so a result depends neither on the number of threads nor on the order in which crosspoints are
visited. Everything is 32-bit arithmetic without branches, so that loops over crosspoints become vector instructions.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from sim_device.compiling import njit

f32, i32, u32 = np.float32, np.int32, np.uint32

# Plain IEEE arithmetic (no fastmath): the same bits on every machine and in every loop the functions are inlined to.
compiled: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
inlined: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": "always"}

_SHIFT_MIXED_1, _SHIFT_MIXED_2 = u32(0x7FEB352D), u32(0x846CA68B)
_WEYL = u32(0x9E3779B9)  # odd: counts keep apart; its bits are spread, so that small counts differ in all of them
_ZERO, _HALF, _ONE, _TWO, _FOUR = f32(0), f32(0.5), f32(1), f32(2), f32(4)
_LN2, _UNIT = f32(math.log(2)), f32(2.0**-32)
_SQRT_HALF_BITS = i32(0x3F3504F3)  # the float 1/√2

# ln(1 + y) = y + y² (l0 + l1 y + ...) on 1/√2 <= 1 + y < √2: a least-maximum fit, |error| < 4e-8.
_L0, _L1, _L2, _L3, _L4, _L5, _L6 = (
    f32(c)
    for c in (-0.50000584, 0.33335263, -0.24961461, 0.19888278, -0.17326043, 0.16335635, -0.10034448)
)  # fmt: skip
# Normal quantile q(p) = x P(w)/Q(w), x = 1 − 2p, w = −ln 4p(1 − p): a least-maximum fit, |error| < 3e-5 to 6.3 sigma.
_P0, _P1, _P2, _P3, _P4 = (f32(c) for c in (1.2531408, 0.43971255, 0.086079255, 0.011461956, 6.0741604e-05))
_Q1, _Q2, _Q3 = (f32(c) for c in (0.088243395, 0.033801306, 0.00095168251))


@intrinsic  # type: ignore[misc]
def _bits_of(_typing: Any, _value: Any) -> Any:
    """The 32 bits of a float32 as uint32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@intrinsic  # type: ignore[misc]
def _float_of(_typing: Any, _bits: Any) -> Any:
    """The float32 with these 32 bits."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic  # type: ignore[misc]
def fused(_typing: Any, _a: Any, _b: Any, _c: Any) -> Any:
    """``a b + c`` of float32, rounded once: twice the speed of two operations, and the same bits on every machine."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), generate


@intrinsic  # type: ignore[misc]
def ones_in(_typing: Any, _bits: Any) -> Any:
    """How many of the 32 bits are set."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint32(types.uint32), generate


@intrinsic  # type: ignore[misc]
def any_of(_typing: Any, _bits: Any, _mask: Any) -> Any:
    """Whether `bits` and `mask` share a set bit; numba's own ``&`` of 32 bits computes in 64, at half the speed."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.icmp_unsigned("!=", builder.and_(*arguments), ir.Constant(ir.IntType(32), 0))

    return types.boolean(types.uint32, types.uint32), generate


@njit(**inlined)
def mixed(x):
    """A 32-bit integer whose bits all depend on all bits of `x`; a bijection (multiply and shift-xor, twice)."""
    x = u32(x ^ (x >> u32(16)))
    x = u32(x * _SHIFT_MIXED_1)
    x = u32(x ^ (x >> u32(15)))
    x = u32(x * _SHIFT_MIXED_2)
    return u32(x ^ (x >> u32(16)))


@njit(**inlined)
def natural_log(z):
    """``ln z`` of a positive, normal float32."""
    bits = i32(_bits_of(z))
    exponent = i32(bits - _SQRT_HALF_BITS) >> i32(23)
    y = f32(_float_of(u32(i32(bits - i32(exponent << i32(23))))) - _ONE)
    series = fused(y, fused(y, fused(y, fused(y, fused(y, fused(y, _L6, _L5), _L4), _L3), _L2), _L1), _L0)
    return fused(f32(exponent), _LN2, fused(y * y, series, y))


@njit(**inlined)
def normal_from(bits):
    """The standard normal deviate for 32 uniform random bits: sign from the lowest, tail probability from the rest."""
    p = (f32(i32(u32(bits >> u32(1)))) + _HALF) * _UNIT
    w = -natural_log(_FOUR * p * (_ONE - p))
    x = _ONE - _TWO * p
    above = fused(w, fused(w, fused(w, fused(w, _P4, _P3), _P2), _P1), _P0)
    below = fused(w, fused(w, fused(w, _Q3, _Q2), _Q1), _ONE)
    q = x * above / below
    return _float_of(u32(_bits_of(q) ^ u32(bits << u32(31))))


@njit(**inlined)
def normal(key, crosspoint, count):
    """The standard normal deviate number `count` of a crosspoint under a key; all three uint32."""
    return normal_from(mixed(u32(mixed(u32(crosspoint ^ key)) ^ u32(u32(count) * _WEYL))))


@njit(**compiled)
def normals(key, crosspoints, counts, out):
    """Fill `out` (float32) with the deviates of the listed crosspoints and counts (uint32), element by element."""
    for k in range(len(out)):
        out[k] = normal(key, crosspoints[k], counts[k])


def keys(seed: int, number: int) -> list[np.uint32]:
    """`number` independent keys of a seed."""
    return [u32(word) for word in np.random.SeedSequence(seed).generate_state(number, dtype=np.uint32)]
