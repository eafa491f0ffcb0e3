"""Where features become programs: settings, command line, and the wiring of a node, a hub and the demo.

Nothing below this tier reads the environment or the wall clock; everything it needs is handed to it from here.
"""
