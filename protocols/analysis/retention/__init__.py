"""How is a conductance kept over time?"""
