"""What do readings, and pulses on neighbours, do to a crosspoint?"""
