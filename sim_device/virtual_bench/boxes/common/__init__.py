"""What several boxes share: a meter's errors and ranges, a generator's levels and bursts."""
