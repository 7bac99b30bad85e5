"""How large is a step, and on what does it depend? ΔG±(G) and figures of merit."""
