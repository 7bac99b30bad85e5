"""How does a step depend on the voltage and the width of a pulse?"""
