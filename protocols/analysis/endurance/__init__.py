"""How does the window change with cycles, and when does it close?"""
