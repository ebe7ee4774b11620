"""A verifier written from the texts of `spec/` alone: it shares no line with the implementation it judges."""
