# pyright: basic, reportCallIssue=false, reportGeneralTypeIssues=false
# numba types these functions when they are first called
"""Compiled pulses on crosspoints in a row whose steps are linear in the conductance: soft bounds, constant, between.

With c the cycle-to-cycle noise, ξ a standard normal deviate and R = Gmax − Gmin,
``ΔG+ = s+ [σ+ (Gmax − G) + (1 − σ+) R] (1 + c ξ)`` and ``ΔG− = −s− [σ− (G − Gmin) + (1 − σ−) R] (1 + c ξ)``,
then G is kept within Gmin..Gmax. Saturation σ = 1 is soft bounds, 0 a constant step, between them (or beyond) the
linear step. Pulses of one sign in a row are one step in closed form, exact in mean and, to the order (c s σ)² n, in
variance and skewness: with r = 1 − s σ and a = c s σ/r

    G' = G + ΔG [1 + r + ... + r^(n−1)] + ΔG r^(n−1) c [√n ξ − a (n − 1)/2 (ξ² − 1)],    ΔG the step of one pulse at G.
"""

from __future__ import annotations

import numpy as np

from sim_device.arrays.compiling import njit
from sim_device.arrays.counter_random import any_of, compiled, f32, fused, i32, inlined, normal, u32

LONGEST = 32  # pulses that one closed-form step may stand for: powers up to r^31 come from five squarings
_ZERO, _HALF, _ONE = f32(0), f32(0.5), f32(1)


@njit(**inlined)
def _doubled(power, total, factor, block, taken):
    """One round of `powers`: the running power and sum, and factor = r^(2^k), block = 1 + ... + r^(2^k − 1)."""
    total = fused(power, block, total) if taken else total
    power = power * factor if taken else power
    return power, total, factor * factor, fused(block, factor, block)


@njit(**inlined)
def powers(r, m):
    """``(r^m, 1 + r + ... + r^m)`` for 0 <= m <= 31 by doubling, without branches and without cancellation."""
    odd = any_of(m, u32(1))
    power, total = r if odd else _ONE, _ONE if odd else _ZERO
    power, total, factor, block = _doubled(power, total, r * r, _ONE + r, any_of(m, u32(2)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(4)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(8)))
    power, total, factor, block = _doubled(power, total, factor, block, any_of(m, u32(16)))
    return power, total + power


@njit(**inlined)
def _distance(g, low, high, saturation, up):
    """``(ΔG/s, σ)`` of one pulse without noise; `saturation` None is soft bounds, which need less arithmetic."""
    room = (high if up else low) - g
    if saturation is None:
        return room, _ONE
    share = saturation[0] if up else saturation[1]
    span = (high - low) if up else (low - high)
    return fused(share, room, (_ONE - share) * span), share


@njit(**compiled)
def single_pulses(devices, first, size, counts, at, saturation, noise, key):
    """`linear_pulses` where no count is larger than 1: the same bits, without the powers."""
    g, low, high, s_up, s_down, applied = devices
    for k in range(size):
        j, signed = np.uintp(first) + np.uintp(k), i32(counts[np.uintp(at) + np.uintp(k)])
        up = signed > i32(0)
        spent, before, bottom, top = applied[j], g[j], low[j], high[j]
        xi = normal(key, u32(u32(first) + u32(k)), spent)
        rising, falling = s_up[j], s_down[j]
        distance, _ = _distance(before, bottom, top, saturation, up)
        step = (rising if up else falling) * distance
        moved = min(max(fused(step, fused(noise, xi, _ONE), before), bottom), top)
        g[j] = moved if signed != i32(0) else before
        applied[j] = u32(spent + u32(abs(signed)))


@njit(**compiled)
def linear_pulses(devices, first, size, counts, at, saturation, noise, key, done, chunk):
    """Apply signed ``counts[at:]`` to `size` crosspoints from number `first`, from pulse `done` on, `chunk` at most.

    `devices` = flat (g, low, high, s_up, s_down, applied); unsigned indices, because signed ones might count from the
    end, and a loop that has to ask is no vector loop.
    """
    g, low, high, s_up, s_down, applied = devices
    for k in range(size):
        j, signed = np.uintp(first) + np.uintp(k), i32(counts[np.uintp(at) + np.uintp(k)])
        up = signed > i32(0)
        n = i32(min(max(i32(i32(abs(signed)) - done), i32(0)), chunk))
        spent, before, bottom, top = applied[j], g[j], low[j], high[j]
        xi = normal(key, u32(u32(first) + u32(k)), spent)
        # Both are loaded before one is chosen: to choose where to load from would be a gather, ten times slower.
        rising, falling = s_up[j], s_down[j]
        s = rising if up else falling
        distance, share = _distance(before, bottom, top, saturation, up)
        slope = s * share
        power, total = powers(_ONE - slope, u32(max(n - i32(1), i32(0))))
        pulses = f32(n)
        # 1/r to the third order is enough of a correction; devices with r far from 1 take one pulse at a time.
        inverse = fused(slope, fused(slope, fused(slope, slope, _ONE), _ONE), _ONE)
        second = noise * slope * inverse * fused(pulses, _HALF, -_HALF) * fused(xi, xi, -_ONE)
        change = fused(power * noise, fused(f32(np.sqrt(pulses)), xi, -second), total)
        moved = min(max(fused(s * distance, change, before), bottom), top)
        g[j] = moved if n > i32(0) else before
        applied[j] = u32(spent + u32(n))
