"""Words for the numbers of results: what each key means, and why a number has no error where it has none.

A result is keyed for machines (``g_max_S``); what a person reads, on the screen and in reports, comes from here. A test
goes through all protocols: every number has an error, an interval, or its reason here.
"""

from __future__ import annotations

from dataclasses import dataclass

SET = "exact: set by the user"
COUNTED = "exact: counted"
MEASURED = "one reading"
COMPUTED = "computed from the numbers above"
OF_SPREAD = "a rank of what was measured"
BOUND = "a bound"


@dataclass(frozen=True)
class Word:
    """How a number is shown.

    Attributes
    ----------
    label
        In words, without its unit.
    no_error
        Why it has no error, where it has none.
    absent
        What it means that there is none: the default for estimates; "" leaves the line out.
    share
        Whether it is a share of one, shown in percent.
    std, factor
        Key of its standard error where that is not its own name with "std", and what to multiply that with.
    """

    label: str
    no_error: str = ""
    absent: str = "not identified"
    share: bool = False
    std: str = ""
    factor: float = 1.0


# Keys without their unit. What has an error in every result needs its label alone.
WORDS: dict[str, Word] = {
    # of several protocols
    "block": Word("over the crosspoints"),
    "crosspoints": Word("crosspoints"),
    "symmetry_points": Word("symmetry points"),
    "cycle": Word("cycle"),
    "count": Word("how many"),
    "scatter": Word("scatter", "it is a scatter itself"),
    "conductance": Word("conductance", "where it is taken"),
    "conductance_before": Word("conductance before"),
    "conductance_after": Word("conductance after"),
    "symmetry_point": Word("symmetry point"),
    "step": Word("step at the symmetry point"),
    "contraction_per_pair": Word("approach to the symmetry point per up/down pair"),
    "time_constant_pulses": Word("pulses in which the distance shrinks to 1/e", "2 over the approach per pair"),
    "stable": Word("stable"),
    "straight_steps": Word("steps are straight lines of the conductance"),
    "read": Word("read noise", "below what the readings resolve"),
    "write": Word("write noise"),
    "cycle_to_cycle": Word("cycle-to-cycle noise of a step", "not told apart from the steps"),
    "drift": Word("drift per second"),
    "noise": Word("noise"),
    "span": Word("range of conductance seen", "highest and lowest of what was seen"),
    "ratio": Word("ratio", COMPUTED),
    "row": Word("row"),
    "column": Word("column"),
    "method": Word("method"),
    "pulses": Word("pulses applied"),
    "readings": Word("readings"),
    "steps": Word("steps"),
    "pulse_voltage": Word("pulse voltage", SET),
    "pulse_width": Word("pulse width", SET),
    "amplitude": Word("amplitude", "extrapolated to no voltage"),
    "time_constant": Word("time constant"),
    # symmetry-point
    "difference_in_standard_errors": Word("the two parts differ by (standard errors)", "in units of its error"),
    "agree": Word("the two parts agree"),
    "from_below": Word("approached from below"),
    "from_above": Word("approached from above"),
    "from_ramps": Word("from the ramps"),
    "from_steered": Word("from the steered pulses"),
    "published": Word("as published procedures read it"),
    "end_reading": Word("last reading of random pulsing"),
    "tail_mean": Word("mean of the late readings"),
    "alternating_midpoint": Word("middle of alternating pulses"),
    "bias": Word("known to be off by", "computed from the fitted steps", ""),
    "parked": Word("parked there", "", ""),
    "difference": Word("distance from the symmetry point"),
    "difference_in_steps": Word("the same in steps", COMPUTED),
    # update-response
    "dynamic_range": Word("range of the ramps"),
    "low": Word("lower end"),
    "high": Word("upper end"),
    "range": Word("range"),
    "step_at_mid_range": Word("mean step in the middle of the range"),
    "up": Word("up"),
    "down": Word("down"),
    "asymmetry_ratio": Word("step down over step up"),
    "departure_from_straight": Word("departure of the ramps from a straight line"),
    # array-map
    "works": Word("works"),
    "wrong": Word("what is wrong", absent=""),
    "swing": Word("swing between the two ends"),
    "step_up": Word("step up"),
    "step_down": Word("step down"),
    "yield": Word("crosspoints that work", share=True),
    "mean": Word("mean"),
    "median": Word("median", OF_SPREAD),
    "quartile_low": Word("lower quartile", OF_SPREAD),
    "quartile_high": Word("upper quartile", OF_SPREAD),
    "spread": Word("spread from device to device"),
    "size": Word("crosspoints"),
    "working": Word("crosspoints that work"),
    # endurance
    "window_first": Word("window at the start"),
    "window_last": Word("window at the end"),
    "window_left": Word("window left", "the last over the first", share=True),
    "closed": Word("window closed"),
    "closed_at_cycles": Word("cycles until the window closed", absent="", std="closed_at_cycles_std"),
    "closed_at_pulses": Word("pulses until the window closed", absent="", std="closed_at_pulses_std"),
    "checks": Word("checks of the window"),
    "cycles": Word("cycles"),
    # forming
    "forming_voltage": Word("forming voltage", absent="not reached, or formed at the first step"),
    "formed_at": Word("formed at the step", SET, ""),
    "held_without_forming": Word("highest voltage held without forming", SET, ""),
    "highest_voltage": Word("highest voltage applied", SET),
    "current_at_forming": Word("current when it formed", MEASURED, ""),
    "current_limit_reached": Word("current limit reached"),
    "ramp_rate_V_per_s": Word("ramp rate (V/s)", "from the set steps and the clock"),
    "rise_over_its_error": Word("rise of conductance (standard errors)", "in units of its error"),
    "outcome": Word("outcome"),
    # half-select
    "per_full": Word("change per full pulse"),
    "per_half_selected": Word("change per half-selected pulse"),
    "control_change": Word("change without pulses"),
    "half_selected_pulses_to_one_step": Word("half-selected pulses as strong as one step", COMPUTED),
    "half_selected_pulses_to_one_step_at_least": Word("at least", "bound of 95 %"),
    "passes": Word("passes"),
    # iv-sweep
    "set_voltage": Word("set voltage", absent="it did not set"),
    "reset_voltage": Word("reset voltage", absent="it did not reset"),
    "set_spread": Word("spread of the set voltage", absent=""),
    "reset_spread": Word("spread of the reset voltage", absent=""),
    "set_cycles": Word("cycles that set"),
    "reset_cycles": Word("cycles that reset"),
    "set_abrupt_cycles": Word("cycles that set in one jump"),
    "reset_abrupt_cycles": Word("cycles that reset in one jump"),
    "set_largest_step_share": Word("largest part of the set in one step", OF_SPREAD, "", share=True),
    "reset_largest_step_share": Word("largest part of the reset in one step", OF_SPREAD, "", share=True),
    "on": Word("conductance when on", absent="it did not switch"),
    "off": Word("conductance when off", absent="it did not switch"),
    "on_resistance": Word("resistance when on", absent=""),
    "off_resistance": Word("resistance when off", absent=""),
    "on_off_ratio": Word("on over off", absent=""),
    "hysteresis_positive": Word("area of the loop, positive branch"),
    "hysteresis_negative": Word("area of the loop, negative branch"),
    "largest_current_positive": Word("largest current, positive branch", MEASURED),
    "largest_current_negative": Word("largest current, negative branch", MEASURED),
    "limited_positive_cycles": Word("cycles at the current limit, positive branch"),
    "limited_negative_cycles": Word("cycles at the current limit, negative branch"),
    "limited_positive_from": Word("at the current limit from, positive branch", "the same level in every cycle", ""),
    "limited_negative_from": Word("at the current limit from, negative branch", "the same level in every cycle", ""),
    "before": Word("conductance before", MEASURED),
    "after": Word("conductance after", MEASURED),
    "voltage": Word("switches at", "one level of one cycle", ""),
    "largest_step_share": Word("largest part in one step", MEASURED, "", share=True),
    "each": Word("each one"),
    "branch": Word("branch"),
    "switch": Word("switching"),
    "switching": Word("crosspoints that switch"),
    "tried": Word("crosspoints tried"),
    "stalled": Word("no longer moved"),
    "slope_mean": Word("mean drift per factor e in time"),
    "slope_spread": Word("spread of the drift from device to device"),
    # program
    "success": Word("targets reached", share=True),
    "targets": Word("targets"),
    "reached": Word("targets reached"),
    "tolerance": Word("tolerance", SET),
    "error_mean": Word("mean distance from the target"),
    "error_rms": Word("rms distance from the target", "its mean and scatter stand above"),
    "pulses_needed_mean": Word("pulses needed, mean"),
    "pulses_needed_median": Word("pulses needed, median", OF_SPREAD),
    "pulses_needed_90_percent": Word("pulses that suffice for 90 % of the targets", OF_SPREAD),
    # pulse-window
    "law": Word("law of the steps"),
    "volts_per_e_fold": Word("pulse voltage that makes steps e times larger", "as many numbers as points"),
    "width_exponent": Word("steps grow as the pulse width to the power"),
    "chi_square_per_degree": Word("χ² per degree of freedom", "a test of the law, near 1 where it holds"),
    "reference_width": Word("at the pulse width", SET),
    "smallest_resolved": Word("smallest pulses with a step that is resolved"),
    # read-disturb
    "disturb_per_read": Word("change per reading"),
    "disturb_per_read_upper": Word("at most", "bound of 95 %"),
    "reads_to_1_percent": Word("readings that change it by 1 %", COMPUTED, ""),
    "reads_to_1_percent_at_least": Word("readings that change it by 1 %, at least", "bound of 95 %", ""),
    "reads_per_stress": Word("readings in a row", COUNTED),
    "pairs": Word("pairs of readings and waits"),
    # read-noise
    "relative_noise": Word("noise over the mean", share=True),
    "drift_S_per_s": Word("drift (S/s)", std="drift_std_S_per_s"),
    "autocorrelation_lag_1": Word("correlation of neighbouring readings", std="autocorrelation_std"),
    "correlation_time_readings": Word("correlation time in readings", "summed over correlations, each with that error"),
    "density_relative_std": Word("relative error of each spectral density", "it is an error itself", share=True),
    "exponent": Word("exponent γ of 1/f^γ"),
    "spectrum": Word("spectrum"),
    "invalid_readings": Word("readings left out"),
    "telegraph": Word("telegraph noise", absent="none seen"),
    "separation": Word("distance of the two levels"),
    "low_time": Word("time in the lower level"),
    "high_time": Word("time in the upper level"),
    "switches": Word("jumps seen"),
    "evidence": Word("two levels rather than one (log-likelihood)", "a test, not an estimate"),
    # relaxation
    "share_relaxing": Word("part of a step that relaxes", share=True),
    "size_up": Word("what relaxes after pulses up"),
    "size_down": Word("what relaxes after pulses down"),
    "residual": Word("scatter about the law", "it is a scatter itself"),
    "settled_to_1_percent_of_step": Word("settled to 1 % of the step after", COMPUTED, ""),
    "relaxations": Word("relaxations watched"),
    # retention
    "slope_per_decade": Word("drift per decade of time"),
    "slope_per_ln_t": Word("drift per factor e in time"),
    "rate_S_per_s": Word("drift (S/s)", std="rate_std_S_per_s"),
    "at_horizon": Word("conductance at the horizon"),
    "horizon": Word("horizon", SET),
    "times": Word("readings in time"),
    # spike-timing
    "alone": Word("change by one spike alone"),
    "misfit": Word("misfit of the exponential (standard errors)", "in units of its error"),
    "ratio_of_areas": Word("area of potentiation over depression"),
    "change": Word("change"),
    "delay": Word("delay", SET),
    "measurements": Word("measurements"),
    "pre_first": Word("first spike before the second"),
    "post_first": Word("second spike before the first"),
    # fits
    "g_min": Word("lower bound Gmin"),
    "g_max": Word("upper bound Gmax"),
    "s_up": Word("share of the way up per pulse, s₊"),
    "s_down": Word("share of the way down per pulse, s₋"),
    "up_slope": Word("slope of the step up"),
    "down_slope": Word("slope of the step down"),
    # trainings
    "target": Word("target", SET),
    "final": Word("weight", "theory: where the algorithm settles"),
    "error": Word("distance from the target", std="final_std"),
    "error_relative_to_range": Word("the same over the range", share=True, std="final_std", factor=0.5),
    "deviation_from_prediction": Word("distance from the prediction", std="final_std"),
    "effective_samples": Word("independent readings in the mean", COUNTED),
    "prediction": Word("predicted"),
    "period": Word("period of the oscillation (steps)", "theory, from the settings and the calibration"),
    "damping": Word("damping per step", "theory, from the settings and the calibration"),
    "bias_per_reference_error": Word("shift per error of the reference", "theory, from the calibration"),
    "final_conductance": Word("the weight as conductance"),
    "loss": Word("loss over the last tenth", "one training in floating point"),
    "accuracy": Word("accuracy on test images", share=True),
    "rms_error": Word("rms error of the weights", "one set of weights, read once"),
    "largest_error": Word("largest error of a weight", "one set of weights, read once"),
    "test_images": Word("test images", COUNTED),
    "diverged": Word("diverged"),
    "task": Word("task"),
    "algorithm": Word("algorithm"),
    "updates_cut_by_bit_length": Word("updates cut short by the bit length"),
    "pulses_by_array": Word("pulses by array"),
    "most_pulses_of_a_crosspoint": Word("most pulses of one crosspoint"),
    "on_fitted_devices": Word("on the fitted devices"),
    "floating_point": Word("in floating point"),
    "why_stopped": Word("stopped because"),
}

OF_FIT: dict[str, Word] = {  # names that a fit gives another meaning
    "up": Word("step up, middle of the range"),
    "down": Word("step down, middle of the range"),
    "up_extra": Word("exponential part of the step up"),
    "down_extra": Word("exponential part of the step down"),
    "gamma_up": Word("exponent of the step up"),
    "gamma_down": Word("exponent of the step down"),
}

MAIN: dict[str, tuple[str, ...]] = {
    "array-map": ("works", "wrong", "swing", "step_up", "step_down", "conductance"),
    "endurance": ("window_first", "window_last", "window_left", "closed_at_cycles"),
    "forming": ("forming_voltage", "outcome", "conductance_after"),
    "half-select": ("up", "down"),
    "iv-sweep": ("set_voltage", "reset_voltage", "on", "off", "on_off_ratio"),
    "program": ("success", "error_mean", "pulses_needed_mean"),
    "pulse-window": ("smallest_resolved", "law"),
    "read-disturb": ("disturb_per_read", "disturb_per_read_upper", "reads_to_1_percent"),
    "read-noise": ("noise", "relative_noise", "mean", "drift_S_per_s"),
    "relaxation": ("time_constant", "share_relaxing", "size_up", "size_down"),
    "retention": ("slope_per_decade", "rate_S_per_s", "at_horizon"),
    "spike-timing": ("pre_first", "post_first", "ratio_of_areas"),
    "symmetry-point": ("symmetry_point", "stable", "step", "contraction_per_pair"),
    "update-response": ("dynamic_range", "step_at_mid_range"),
}


def word_of(name: str) -> Word:
    """The word for a key without its unit; of one that is not known here, the key with spaces."""
    return WORDS.get(name) or Word(name.replace("_", " "))
