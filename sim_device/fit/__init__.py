"""The likelihood of a trace under a device model; model choice and rejection."""
