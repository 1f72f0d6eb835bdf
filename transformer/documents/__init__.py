"""Files with a structure: what of them is to be translated, and how it is put back.

Everything else stays as it is.
"""
