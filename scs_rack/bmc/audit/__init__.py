"""Is a BMC as safe as it could be? Read-only questions, each with its evidence; and what can be mended without risk.

What is asked follows from the sheet "Harden Baseboard Management Controllers" (NSA and CISA, June 2023).
"""
