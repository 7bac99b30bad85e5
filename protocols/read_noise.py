"""Read noise: many readings without pulses; how much averages away, and how fast it drifts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from instruments.crosspoints import Crosspoints
from instruments.foreseen import Foreseen
from instruments.units import Seconds
from instruments.value_text import plain_text, value_text
from protocols.analysis.common.json_numbers import plain
from protocols.analysis.noise.foreign import at_rest
from protocols.analysis.noise.rest import RestNoise, rest_noise
from protocols.analysis.noise.spectrum import spectrum
from protocols.analysis.noise.telegraph import Telegraph, telegraph_of
from protocols.common.cycles import Cycles
from protocols.common.protocol import Foreign, Series, Steps
from protocols.common.watch import Stoppable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 100  # readings taken in one go where they follow each other at once


class ReadNoise(Stoppable):
    """Settings of `read-noise`: it pulses nothing."""

    name: ClassVar[str] = "read-noise"
    title: ClassVar[str] = "read again and again without pulses: noise, its correlation, drift"
    of_analysis: ClassVar[tuple[str, ...] | None] = ()

    reads: int = Field(default=1000, ge=10, description="readings of every crosspoint")
    interval: Seconds = Field(
        default=0.0, ge=0, description="pause between readings; 0 s reads as fast as the bench does"
    )

    def planned_readings(self, shape: tuple[int, int]) -> int:
        """As many as asked for."""
        return self.reads

    def foreseen(self, crosspoints: Crosspoints) -> Foreseen:
        """No pulse."""
        return Foreseen(self.name, "reads", waits=self.interval * (self.reads - 1))

    def run(self, crosspoints: Crosspoints) -> Steps:
        """Read, and wait between readings where asked to."""
        done, watch = 0, self.watch(crosspoints)
        while done < self.reads and watch.active:
            batch = min(_BATCH, self.reads - done) if self.interval == 0 else 1
            if done and self.interval > 0:
                crosspoints.wait(self.interval)
            yield from watch.rest("rest", batch)
            done += batch
        return watch.reason(f"all {self.reads} readings are taken")

    def foreign(self, series: Series, cycles: Cycles | None = None) -> Foreign:
        """The longest stretch of readings without pulses."""
        return at_rest(series, cycles)

    def analyse(self, series: Series) -> dict[str, Any]:
        """Mean, standard deviation, relative noise, correlation, drift, Allan deviation, spectrum, telegraph noise."""
        noise, unit = _noise(series), series.unit
        numbers: dict[str, Any] = {
            "readings": len(series),
            "invalid_readings": int(np.sum(~np.isfinite(series.readings.conductance))),
        }
        if noise is None:
            return numbers | {"verdict": "Too few readings for the noise: at least 10 with a number are needed."}
        levels = telegraph_of(series)
        correlation = noise.correlation[1] if noise.correlation.size > 1 else math.nan
        return plain(
            numbers
            | {
                f"mean_{unit}": noise.mean,
                f"mean_std_{unit}": noise.mean_std,
                f"noise_{unit}": noise.std,
                f"noise_std_{unit}": noise.std_std,
                "relative_noise": noise.std / abs(noise.mean) if noise.mean else None,
                "relative_noise_std": noise.std_std / abs(noise.mean) if noise.mean else None,
                "autocorrelation_lag_1": correlation,
                "autocorrelation_std": 1 / math.sqrt(noise.count),
                "correlation_time_readings": noise.correlation_time,
                f"drift_{unit}_per_s": noise.slope,
                f"drift_std_{unit}_per_s": noise.slope_std,
                "allan": {
                    "averaging_time_s": noise.allan_time,
                    f"deviation_{unit}": noise.allan,
                    f"deviation_std_{unit}": noise.allan_std,
                },
                "spectrum": _spectrum(series),
                "telegraph": _telegraph(levels, unit),
                "verdict": _verdict(noise, unit) + _telegraph_verdict(levels, unit),
            }
        )

    def figures(self, series: Series, result: dict[str, Any]) -> list[Figure]:
        """Readings against time; autocorrelation; Allan deviation; spectrum; two levels where there are two."""
        from protocols.analysis.noise.rest_figures import rest_figures
        from protocols.analysis.noise.spectrum_figures import noise_figures

        noise = _noise(series)
        if noise is None:
            return []
        return [*rest_figures(series, noise), *noise_figures(series)]


def _noise(series: Series) -> RestNoise | None:
    readings = series.readings
    return rest_noise(readings.conductance[:, 0, 0], readings.time[:, 0, 0])


def _spectrum(series: Series) -> dict[str, Any] | None:
    """Power density, and the exponent of its low-frequency part."""
    found = spectrum(series.readings.conductance[:, 0, 0], series.readings.time[:, 0, 0])
    if found is None:
        return None
    unit = series.unit
    return {
        "frequency_Hz": found.frequency,
        f"density_{unit}2_per_Hz": found.density,
        "density_relative_std": found.relative_std,
        "exponent": found.exponent,
        "exponent_std": found.exponent_std,
    }


def _telegraph(found: Telegraph | None, unit: str) -> dict[str, Any] | None:
    """Two levels, their distance and the mean times in each; None where there is no such evidence."""
    if found is None or not found.found:
        return None
    return {
        f"low_{unit}": found.low,
        f"low_std_{unit}": found.low_std,
        f"separation_{unit}": found.separation,
        f"separation_std_{unit}": found.separation_std,
        "low_time_s": found.low_time,
        "low_time_std_s": found.low_time_std,
        "high_time_s": found.high_time,
        "high_time_std_s": found.high_time_std,
        f"noise_{unit}": found.noise,
        "switches": found.switches,
        "evidence": found.better,
    }


def _telegraph_verdict(found: Telegraph | None, unit: str) -> str:
    if found is None or not found.found:
        return ""
    apart = value_text(found.separation, found.separation_std, unit)
    low, high = (
        value_text(found.low_time, found.low_time_std, "s"),
        value_text(found.high_time, found.high_time_std, "s"),
    )
    return f" It jumps between two levels {apart} apart, {low} in the lower and {high} in the upper at a time."


def _verdict(noise: RestNoise, unit: str) -> str:
    """Level, whether it averages away, whether it drifts."""
    if noise.std == 0:
        return f"All {noise.count} readings are {plain_text(noise.mean, unit)}: the noise is below the resolution."
    level = f"A reading of {value_text(noise.mean, noise.mean_std, unit)} scatters by "
    level += value_text(noise.std, noise.std_std, unit)
    white = abs(float(noise.correlation[1])) < 3 / math.sqrt(noise.count) and noise.correlation_time < 1.5
    kind = "white, it averages away" if white else f"correlated over {noise.correlation_time:.1f} readings"
    drifts = abs(noise.slope) > 3 * noise.slope_std
    drift = (
        f"drift {value_text(noise.slope, noise.slope_std, unit)} per second" if drifts else "no drift beyond the error"
    )
    return f"{level}; {kind}; {drift}."
