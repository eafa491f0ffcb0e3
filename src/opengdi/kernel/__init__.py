"""What every feature stands on; no word of any feature.

errors · ids · clock · principal · release (a dataset's immutable manifest and its disclosure policy) ·
disclosure (floors, rounding, budgets) · keys (signatures, pseudonyms) · audit chain · database · files ·
storage, bulk and job ports · http kit.
"""
