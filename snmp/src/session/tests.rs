//! The session machine against bytes made by hand.
