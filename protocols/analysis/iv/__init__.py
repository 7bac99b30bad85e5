"""Where does a current-voltage loop switch, and how alike are the cycles?"""
