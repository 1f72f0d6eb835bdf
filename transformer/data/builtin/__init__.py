"""The built-in German-English corpus: everyday sentences from a small hand-written grammar."""
