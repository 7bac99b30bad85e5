"""What does a conductance do at rest? Level, drift, spectrum, telegraph noise."""
