"""At which voltage did the filament form?"""
