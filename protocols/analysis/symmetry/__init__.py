"""Where is the symmetry point, and how sure is that?"""
