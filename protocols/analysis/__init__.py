"""Numbers from points: ΔG±(G), figures of merit."""
