"""Does the model know what "it" is? A suite of sentences, its scores, and what they hang on."""
