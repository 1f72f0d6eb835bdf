"""What a person typed ⇄ what the model reads.

`preparing` is the way in. It knows no model: it says which sentences to search for, and makes a
text of what the searches find.
"""
