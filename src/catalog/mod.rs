//! What each server offers, as it was seen in its answers.
