//! The client side: reads properties, walks files, imports tool output, builds and submits the report, waits for the gate.
