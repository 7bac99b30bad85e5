"""Numbers from runs: fits of device models, predictions by simulated devices."""
