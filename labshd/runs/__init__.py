"""Run folders: written, opened, listed, asked, exported, imported."""
