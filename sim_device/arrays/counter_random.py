# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Random numbers by counter: a normal deviate is a function of (key, crosspoint, count) and of nothing else.

No state is kept, so a result depends neither on the number of threads nor on the order in which crosspoints are
visited. Everything is 32-bit arithmetic without branches, so that loops over crosspoints become vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from sim_device.arrays.compiling import njit

f32, i32, u32 = np.float32, np.int32, np.uint32

# Plain IEEE arithmetic (no fastmath): the same bits on every machine and in every loop the functions are inlined to.
compiled: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}
inlined: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": "always"}

_SHIFT_MIXED_1, _SHIFT_MIXED_2 = u32(0x7FEB352D), u32(0x846CA68B)
_WEYL = u32(0x9E3779B9)  # odd: counts keep apart; its bits are spread, so that small counts differ in all of them
_ONE = f32(1)
_UNIT, _HALF_UNIT = f32(2.0**-31), f32(2.0**-32)
_SIGN, _REST = u32(0x80000000), u32(0x7FFFFFFF)
_SQRT_HALF_BITS = i32(0x3F3504F3)  # the float 1/√2

# log2(1 + y) = y (l0 + l1 y + ...) on 1/√2 <= 1 + y < √2: a least-maximum fit, |error| < 1.5e-5.
_L0, _L1, _L2, _L3, _L4 = (f32(c) for c in (1.4425782, -0.72024077, 0.48668221, -0.39458561, 0.25268605))
# Normal quantile q(p) = x P(w)/Q(w), x = 1 − 2p, w = log2 4p(1 − p): a least-maximum fit of the relative error, which
# is below 3e-5 to 4 sigma and below 1.5e-4 to 6.3 sigma.
_P0, _P1, _P2, _P3 = (f32(c) for c in (1.2533427, -0.29700464, 0.036626011, -0.0024440652))
_Q1, _Q2, _Q3 = (f32(c) for c in (-0.055620361, 0.01282243, -0.0001224555))


@intrinsic  # type: ignore[misc]
def _bits_of(_typing: Any, _value: Any) -> Any:
    """The 32 bits of a float32 as uint32."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@intrinsic  # type: ignore[misc]
def float_of(_typing: Any, _bits: Any) -> Any:
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
def _log2(z):
    """``log2 z`` of a positive, normal float32."""
    bits = i32(_bits_of(z))
    exponent = i32(bits - _SQRT_HALF_BITS) >> i32(23)
    y = f32(float_of(u32(i32(bits - i32(exponent << i32(23))))) - _ONE)
    return fused(y, fused(y, fused(y, fused(y, fused(y, _L4, _L3), _L2), _L1), _L0), f32(exponent))


@njit(**inlined)
def normal_from(bits):
    """The standard normal deviate for 32 uniform random bits: sign from the highest, tail probability from the rest."""
    tails = fused(f32(i32(u32(bits & _REST))), _UNIT, _HALF_UNIT)  # 2p, the probability of both tails
    x = _ONE - tails
    w = _log2(fused(tails, x, tails))
    above = fused(w, fused(w, fused(w, _P3, _P2), _P1), _P0)
    below = fused(w, fused(w, fused(w, _Q3, _Q2), _Q1), _ONE)
    return float_of(u32(_bits_of(x * above / below) ^ u32(bits & _SIGN)))


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
