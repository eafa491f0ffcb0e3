"""What happened, in a chain that cannot be changed unseen.

`chain` is the pure part (events, links, checkpoints, verification), `journal` writes it to files, `verifier` reads
it back without a node, `details` is the erasable table for what the chain must not hold.
"""
