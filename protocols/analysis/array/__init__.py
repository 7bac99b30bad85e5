"""Which crosspoints of an array work, and how alike are they?"""
