"""Forms: versioned definitions of what an application asks, and checks that name all faults at once.

model (fields, forms, faults) · rules (what is visible, what is wrong) · reading (TOML and JSON) · library (all versions
ever used; none ever changes) · builtin (the forms that come with the package).
Source: field types and names of faults of REMS, so that its clients understand them.
"""
