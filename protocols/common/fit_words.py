"""Words for the numbers of fitted devices and of trainings."""

from __future__ import annotations

from protocols.common.word import COUNTED, SET, Word

OF_FITS_AND_TRAININGS: dict[str, Word] = {
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
    "missing_after_reversal_up": Word("part of the first step up after a reversal that is missing"),
    "pulses_after_reversal_up": Word("pulses up over which it comes back"),
    "scatter_after_reversal_up": Word("scatter of the first step up, of that of later ones"),
    "missing_after_reversal_down": Word("part of the first step down after a reversal that is missing"),
    "pulses_after_reversal_down": Word("pulses down over which it comes back"),
    "scatter_after_reversal_down": Word("scatter of the first step down, of that of later ones"),
    "ramp_factor_std": Word("ramps differ in the size of their steps by (std of ln)"),
    "ramp_factor_std_up": Word("ramps up differ in the size of their steps by (std of ln)"),
    "ramp_factor_std_down": Word("ramps down differ in the size of their steps by (std of ln)"),
    "tails": Word("heavy tails of the steps, 1/ν of Student's t"),
    "relaxing_share": Word("share of each step that goes away again"),
    "relaxing_readings": Word("readings over which it goes away"),
    "first_over_last_step": Word("steps at the beginning, of those at the end"),
    "wear_pulses": Word("pulses over which steps come to what they will be"),
}
