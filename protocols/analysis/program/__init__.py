"""Was the target reached, with how many pulses, how far off?"""
