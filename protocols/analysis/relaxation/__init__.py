"""How does a conductance settle after a pulse?"""
