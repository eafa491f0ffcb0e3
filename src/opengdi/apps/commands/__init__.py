"""The commands of `gdi`, a module each with its `app`; `apps.cli.COMMANDS` lists them. They import when they run."""
