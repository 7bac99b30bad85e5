"""What analyses share: stretches of a series, changes along ramps, numbers as JSON takes them, the style of figures."""
