"""Looking inside a trained model: what attends to what, and whether it matters."""
