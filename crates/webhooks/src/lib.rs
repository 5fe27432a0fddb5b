//! What goes out: payload, signature, address guard, sender and the delivery engine.
