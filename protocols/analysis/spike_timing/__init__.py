"""How does a step depend on the delay between two spikes?"""
