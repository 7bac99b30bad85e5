"""The subcommands, one a file, imported when used; heavy imports happen inside."""
